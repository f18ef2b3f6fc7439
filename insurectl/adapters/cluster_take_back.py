"""A first deploy that fails leaves nothing behind."""

from collections.abc import Iterator
from contextlib import contextmanager

from insurectl.adapters import cluster_record
from insurectl.adapters.cluster_ground import Groundwork
from insurectl.adapters.local_state import LocalState
from insurectl.errors import InsurectlError, retold
from insurectl.ports import Progress


@contextmanager
def taking_back(
    state: LocalState,
    groundwork: Groundwork,
    zones: tuple[str, ...],
    progress: Progress,
    *,
    new: bool,
) -> Iterator[None]:
    """What the block began is cleared when it fails and the system is ``new``. To be entered with
    the system's lock, or it might be another's that is cleared."""
    try:
        cluster_record.make(state)
        yield
    except BaseException as error:
        if new:
            _clear(state, groundwork, zones, progress, error)
        raise


def _clear(
    state: LocalState,
    groundwork: Groundwork,
    zones: tuple[str, ...],
    progress: Progress,
    error: BaseException,
) -> None:
    """What went wrong first is what is told, also when not all can be taken back."""
    try:
        groundwork.clear(zones, state.folder, progress)
    except InsurectlError as left:
        if not isinstance(error, InsurectlError):
            progress.warn(f"not all could be taken back: {left}")
            return
        raise retold(error, f"{error}\nand not all could be taken back: {left}") from error
    cluster_record.remove(state)
