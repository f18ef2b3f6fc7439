"""stdout is data, stderr is talk. rich is imported only when something is shown."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

Output = Literal["table", "json", "yaml"]
OFF_TERMINAL_EVERY_S = 5.0


@dataclass
class Console:
    """Where data and talk go. ``quiet`` silences talk, but no warning and no error."""

    output: Output = "table"
    quiet: bool = False

    def show(self, record: object) -> None:
        """Data, to stdout, in the form that was asked for."""
        from insurectl.render import json

        if self.output == "json":
            sys.stdout.write(json.to_json(record) + "\n")
        elif self.output == "yaml":
            sys.stdout.write(json.to_yaml(record))
        else:
            from insurectl.render.text import text

            _rich(stderr=False).print(text(record))
        sys.stdout.flush()

    def line(self, text: str) -> None:
        """One line of data, as it is."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """One line of talk."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def warn(self, text: str) -> None:
        """One line that asks for attention; not silenced."""
        sys.stderr.write(f"warning: {text}\n")
        sys.stderr.flush()


@dataclass
class ConsoleProgress:
    """ports.Progress on stderr: one line that changes on a terminal, few lines elsewhere."""

    console: Console
    _live: bool = False
    _last_s: float = field(default=float("-inf"))

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Its name when it begins, and how long it took when it ends well."""
        self.say(f"{text} ...")
        began_s = time.monotonic()
        yield
        self.say(f"{text}: {time.monotonic() - began_s:.1f} s")

    def say(self, text: str) -> None:
        """One line that stays."""
        self._wipe()
        self.console.say(text)

    def live(self, text: str) -> None:
        """Replaced by the next one on a terminal; else one in 5 s stays."""
        if self.console.quiet:
            return
        if _animated():
            width = os.get_terminal_size(sys.stderr.fileno()).columns
            sys.stderr.write(f"\r\x1b[K{text[: width - 1]}")
            sys.stderr.flush()
            self._live = True
        elif time.monotonic() - self._last_s >= OFF_TERMINAL_EVERY_S:
            self._last_s = time.monotonic()
            self.console.say(text)

    def warn(self, text: str) -> None:
        """One line that asks for attention."""
        self._wipe()
        self.console.warn(text)

    def _wipe(self) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")
            self._live = False


def _animated() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _rich(*, stderr: bool) -> "RichConsole":
    from rich.console import Console as RichConsole

    # off a terminal no line is broken: the reader is a file or another program
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 200
    return RichConsole(stderr=stderr, width=width, highlight=False, soft_wrap=False)
