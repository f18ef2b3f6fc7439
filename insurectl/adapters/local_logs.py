"""The log lines of a local system's processes."""

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadInput

PAUSE_S = 0.3


def read(
    state: LocalState, zones: tuple[str, ...], process: str, *, lines: int,
    follow: bool, pause: Callable[[float], None],
) -> Iterator[str]:  # fmt: skip
    """The last lines of one process, or of all replicas of a service; then what follows."""
    files = _files(state, zones, process)
    for label, path in files.items():
        with path.open(errors="replace") as file:
            for line in deque(file, maxlen=lines):
                yield _labelled(label, line, many=len(files) > 1)
    if follow:
        yield from _follow(files, pause)


def _files(state: LocalState, zones: tuple[str, ...], process: str) -> dict[str, Path]:
    places = {zone: state.zone(zone) for zone in zones} | {"": state.outside}
    found = {
        f"{zone}/{path.stem}".lstrip("/"): path
        for zone, folder in places.items()
        for path in sorted((folder / "log").glob("*.log"))
    }
    wanted = {label: path for label, path in found.items() if _is(path.stem, process)}
    if not wanted:
        names = sorted({path.stem for path in found.values()})
        raise BadInput(f"no log of {process!r}; there are: {', '.join(names)}")
    return wanted


def _is(name: str, process: str) -> bool:
    return name == process or name.removesuffix(f"-{name.rpartition('-')[2]}") == process


def _follow(files: dict[str, Path], pause: Callable[[float], None]) -> Iterator[str]:
    at = {label: path.stat().st_size for label, path in files.items()}
    while True:
        for label, path in files.items():
            size = path.stat().st_size
            if size < at[label]:  # turned over
                at[label] = 0
            with path.open(errors="replace") as file:
                file.seek(at[label])
                for line in file:
                    yield _labelled(label, line, many=len(files) > 1)
                at[label] = file.tell()
        pause(PAUSE_S)


def _labelled(label: str, line: str, *, many: bool) -> str:
    return f"{label}: {line.rstrip()}" if many else line.rstrip()
