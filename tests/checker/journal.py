"""What a client was told, on the disk before the client goes on: a line a call, fsync'd."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["ok", "fail", "unknown"]
What = Literal["application", "policy"]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call. ``key``: its idempotency key. ``id``: what an answer named; empty without one.
    ``unknown``: no answer came, so it may or may not have been done."""

    kind: What
    key: str
    id: str
    outcome: Outcome


class Journal:
    """Only ever added to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a", encoding="utf-8")

    def note(self, operation: Operation) -> None:
        """Returns when it is on the disk."""
        self._file.write(json.dumps(asdict(operation)) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """No more is noted."""
        self._file.close()

    def read(self) -> list[Operation]:
        """Everything so far; a last line that was torn is none."""
        lines = self._path.read_text(encoding="utf-8").split("\n")
        return [Operation(**json.loads(line)) for line in lines[:-1]]
