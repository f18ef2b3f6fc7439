"""One insurectl at a time works on a system, over all processes of this machine."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from insurectl.adapters.local_state import LONGEST_FOLDER, UNUSABLE
from insurectl.errors import BadInput, MissingOnMachine
from insurectl.ports import Progress

LOCKS = Path("/proc/locks")


@contextmanager
def held(folder: Path, progress: Progress, *, make: bool = False) -> Iterator[None]:
    """The lock lies on the system's folder itself and leaves no file. Whoever waits is told for
    whom. What is known of the system must be read inside: the one before may have changed it, or
    taken the folder away.

    ``make``: the folder, too (and away again when the block fails and leaves it empty); without,
    there is nothing to lock where there is none. BadInput for a place that can't be written.
    """
    made: list[Path] = []
    while True:
        if make:
            made = _make(folder) or made
        try:
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            if make:
                continue  # the one before took it away just now
            yield
            return
        try:
            _lock(opened, folder, progress)
        except BaseException:
            os.close(opened)
            raise
        if _is(opened, folder):
            break
        os.close(opened)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # not empty: what is in it is to be kept
            for one in made:
                one.rmdir()
        raise
    finally:
        os.close(opened)


def _make(folder: Path) -> list[Path]:
    """Those that were not there, the innermost first."""
    if len(os.fsencode(folder)) > LONGEST_FOLDER:
        raise BadInput(f"{folder} is too long a path: set INSURECTL_STATE to a shorter one")
    try:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True)
    except FileExistsError:
        if folder.is_dir():
            return []
        raise BadInput(
            f"{folder}: it is no folder; set INSURECTL_STATE to a folder that you may write"
        ) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise MissingOnMachine(
                f"no space is left for {folder}: free some, or set INSURECTL_STATE to a folder on "
                "another disk"
            ) from error
        if error.errno not in UNUSABLE:
            raise
        raise BadInput(
            f"{error.filename or folder}: {error.strerror}; set INSURECTL_STATE to a folder that "
            "you may write"
        ) from error
    return missing


def _lock(opened: int, folder: Path, progress: Progress) -> None:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        progress.say(f"waiting for {_holder(opened)}, which works on {folder.name}")
        fcntl.flock(opened, fcntl.LOCK_EX)


def _is(opened: int, folder: Path) -> bool:
    """Whether the folder is the one that was locked, and not one that was made anew."""
    try:
        return os.path.samestat(os.fstat(opened), folder.stat())
    except FileNotFoundError:
        return False


def _holder(opened: int) -> str:
    """Who has the lock; the kernel tells the number of its process."""
    node = f":{os.fstat(opened).st_ino}"
    with suppress(OSError):
        for line in LOCKS.read_text().splitlines():
            words = line.split()
            if len(words) > 5 and words[1] == "FLOCK" and words[5].endswith(node):
                return f"another insurectl (pid {words[4]})"
    return "another insurectl"
