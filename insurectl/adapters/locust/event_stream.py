"""Server-sent events, read from pieces that are cut anywhere."""

import json
import re
from typing import Any, NamedTuple

LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a CR at the very end may be half of a CR LF


class Event(NamedTuple):
    """One event; ``kind`` is its type."""

    kind: str
    data: str

    def json(self) -> Any:
        """None for a text that is no JSON."""
        try:
            return json.loads(self.data)
        except ValueError:
            return None


class Events:
    """``all``: those that are whole so far."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self._rest = b""
        self._kind = ""
        self._data: list[str] = []

    def take(self, piece: bytes) -> list[Event]:
        """Those that this piece made whole."""
        *lines, self._rest = LINE_END.split(self._rest + piece)
        before = len(self.all)
        for line in lines:
            self._line(line.decode("utf-8", errors="replace"))
        return self.all[before:]

    def _line(self, line: str) -> None:
        if not line:
            if self._data:
                self.all.append(Event(self._kind or "message", "\n".join(self._data)))
            self._kind, self._data = "", []
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._kind = value
        elif name == "data":
            self._data.append(value)
