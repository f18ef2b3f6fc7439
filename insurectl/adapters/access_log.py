"""The gateway's access log: read as it grows, and turned over before it fills the disk."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

LIMIT_BYTES = 32 * 1024 * 1024


class AccessLog:
    """Lines that are added from now on. Beside a file at most one older one is kept.

    An nginx that opens its logs anew still writes to the older file until the last request of
    its earlier workers is over; so that one is read on, too. ``others``: logs of the same nginx.
    """

    def __init__(
        self, path: Path, others: tuple[Path, ...] = (), limit_bytes: int = LIMIT_BYTES
    ) -> None:
        self._path, self._others, self._limit_bytes = path, others, limit_bytes
        self._older: _Tail | None = None
        self._current: _Tail | None = _Tail(path, at_end=True) if path.exists() else None

    def lines(self) -> list[str]:
        """What was added since the last call, each line once it is whole."""
        if self._current is None and self._path.exists():
            self._current = _Tail(self._path)
        return [line for tail in (self._older, self._current) if tail for line in tail.lines()]

    def turn_over(self, reopen: Callable[[], None]) -> None:
        """Put a file that is too large aside and have nginx open a new one; asks again when the
        last call was in vain."""
        if self._current and self._path.exists() and self._current.size() >= self._limit_bytes:
            for path in (self._path, *self._others):
                if path.exists():
                    path.replace(path.with_name(f"{path.name}.1"))
            if self._older:
                self._older.close()
            self._older, self._current = self._current, None
        if self._older and not self._path.exists():
            reopen()

    def close(self) -> None:
        """Read no more."""
        for tail in (self._older, self._current):
            if tail:
                tail.close()


class _Tail:
    def __init__(self, path: Path, *, at_end: bool = False) -> None:
        self._file: BinaryIO = path.open("rb")
        self._half = b""
        if at_end:
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> list[str]:
        whole, _, self._half = (self._half + self._file.read()).rpartition(b"\n")
        return whole.decode(errors="replace").splitlines()

    def size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        self._file.close()
