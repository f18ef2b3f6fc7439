"""stdout is data, stderr is talk. rich is imported only when something is shown."""

import dataclasses
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TextIO

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

Output = Literal["table", "json", "yaml"]
OFF_TERMINAL_EVERY_S = 5.0
UNBROKEN = 10_000  # columns


@dataclass
class Console:
    """Where data and talk go. ``quiet`` silences talk, but no warning and no error."""

    output: Output = "table"
    quiet: bool = False

    def show(self, record: object) -> None:
        """Data, to stdout, in the form that was asked for."""
        from insurectl.render import json

        if self.output == "json":
            write(sys.stdout, json.to_json(_with_schema(record)) + "\n")
        elif self.output == "yaml":
            write(sys.stdout, json.to_yaml(_with_schema(record)))
        else:
            from insurectl.render.text import text

            rich = _rich()
            with rich.capture() as drawn:  # rich itself would end the program with a closed pipe
                rich.print(text(record))
            write(sys.stdout, drawn.get())

    def line(self, text: str) -> bool:
        """One line of data, as it is; False: nobody reads it."""
        return write(sys.stdout, text + "\n")

    def say(self, text: str) -> None:
        """One line of talk."""
        if not self.quiet:
            write(sys.stderr, text + "\n")

    def warn(self, text: str) -> None:
        """One line that asks for attention; not silenced."""
        write(sys.stderr, f"warning: {text}\n")


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
            write(sys.stderr, f"\r\x1b[K{text[: width - 1]}")
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
            write(sys.stderr, "\r\x1b[K")
            self._live = False


def write(stream: TextIO, text: str) -> bool:
    """False: the reader went away (``| head``). What is said from then on goes nowhere, but the
    command goes on to its end: its exit code still counts."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True


def _with_schema(record: object) -> object:
    """A record that is only ever a part of others has no ``schema`` of its own."""
    from insurectl.render import json

    content = json.plain(record)
    if dataclasses.is_dataclass(record) and isinstance(content, dict) and "schema" not in content:
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(record).__name__).lower()
        return {"schema": f"insurectl/{words}/v1", **content}
    return content


def _animated() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _rich() -> "RichConsole":
    from rich.console import Console as RichConsole

    # off a terminal no line is broken: the reader is a file or another program
    width = None if sys.stdout.isatty() else UNBROKEN
    return RichConsole(width=width, highlight=False, soft_wrap=False)
