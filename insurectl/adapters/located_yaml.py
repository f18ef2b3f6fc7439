"""YAML whose every value knows its line, so that an error can name it."""

import difflib
import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml

from insurectl.errors import BadFile, BadInput

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
DAY_S = 24 * 3600
MAX_BYTES = 256 * 1024  # far more than any such file needs, and still read in a second
EXACT = 2**53  # above it a float skips whole numbers
# what YAML finds out by itself; any other tag asks for an object, and none is ever made
KINDS = ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value")
TAGS = {f"tag:yaml.org,2002:{kind}" for kind in KINDS}
POINT = re.compile(r"^([-+]?)\.(inf|nan)$", re.IGNORECASE)  # as YAML writes them
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
Word = TypeVar("Word", bound=str)
Composed = TypeVar("Composed")


@dataclass(frozen=True)
class Located:
    """One value of a file. ``what``: its place, such as ``load.stages[1].rate``; ``line``: that
    of its key, since a map below it begins a line later."""

    path: Path
    what: str
    node: yaml.Node
    line: int

    def __post_init__(self) -> None:
        if self.node.tag not in TAGS:
            raise self.error(f"the tag {shown(self.node.tag)} has no meaning here; leave it out")

    def error(self, message: str) -> BadFile:
        """What is wrong with this value."""
        what = f"{self.what}: " if self.what else ""
        return BadFile(self.path, f"{what}{message}", line=self.line)

    # ---- maps and lists ----

    def fields(self, known: Collection[str], required: Collection[str] = ()) -> "Fields":
        """The keys of a map; BadFile for one that is not known, is there twice, or is missing."""
        found = self.items()
        for key, value in found.items():
            if key not in known:
                raise value.error(unknown("key", key, known))
        missing = [key for key in required if key not in found]
        if missing:
            raise self.error(f"{', '.join(missing)} is missing")
        return Fields(self, found)

    def items(self) -> dict[str, "Located"]:
        """Any keys; BadFile for one that is there twice."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"wanted are keys with values, such as `key: value`, {self._is()}")
        found: dict[str, Located] = {}
        for key_node, node in self.node.value:
            line = key_node.start_mark.line + 1
            key = Located(self.path, self.what, key_node, line).text()
            located = Located(self.path, self._under(key), node, line)
            if key in found:
                raise located.error("it is there twice")
            found[key] = located
        return found

    def list(self) -> Iterator["Located"]:
        """The items of a list that is not empty."""
        if not isinstance(self.node, yaml.SequenceNode) or not self.node.value:
            raise self.error(f"wanted is a list with at least one item, {self._is()}")
        for number, node in enumerate(self.node.value):
            yield Located(self.path, f"{self.what}[{number}]", node, node.start_mark.line + 1)

    # ---- single values ----

    def text(self) -> str:
        """Text that is not empty."""
        if not isinstance(self.node, yaml.ScalarNode) or not self.node.value.strip():
            raise self.error(f"wanted is a text, {self._is()}")
        text = str(self.node.value)
        if CONTROL.search(text):
            raise self.error(f"{shown(text)} has a character in it that can't be printed")
        return text

    def one_of(self, words: Collection[Word], what: str) -> Word:
        """One of some words."""
        text = self.text()
        for word in words:
            if word == text:
                return word
        raise self.error(unknown(what, text, words))

    def number(self, *, low: float = 0.0, high: float = math.inf) -> float:
        """A finite number between the bounds, which belong to it."""
        text = self.text()
        number = _float(text)
        if number is None:
            raise self.error(f"{shown(text)} is no number")
        if not math.isfinite(number):
            raise self.error(f"{shown(text)} is not finite")
        if number < low or number > high:
            bounds = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:.16g}"
            raise self.error(f"{shown(text)} can't be used, wanted is {bounds}")
        return number

    def positive(self, *, high: float = math.inf) -> float:
        """A number above 0, and far enough from it to divide by."""
        number = self.number(high=high)
        if number < 1e-6:
            raise self.error(f"{shown(self.text())} can't be used, wanted is more than 0.000001")
        return number

    def whole(self, *, low: int = 0, high: int = EXACT) -> int:
        """A whole number."""
        number = self.number(low=low, high=high)
        if number != int(number):
            raise self.error(f"{shown(self.text())} is no whole number")
        return int(number)

    def seconds(self, *, positive: bool = False, high_s: float = DAY_S) -> float:
        """A duration such as ``30s`` or ``2m``."""
        text = self.text()
        match = DURATION.fullmatch(text)
        if match is None:
            raise self.error(f"{shown(text)} is no duration; write it as 500ms, 30s, 2m or 1h")
        seconds = float(match[1]) * UNITS_S[match[2]]
        if positive and seconds < UNITS_S["ms"]:
            raise self.error("it has to be longer than 0s")
        if seconds > high_s:
            raise self.error(f"{shown(text)} is too long, the most is {high_s:g}s")
        return seconds

    def whole_seconds(self, *, low_s: int = 0, high_s: int = DAY_S) -> int:
        """A duration that is a whole number of seconds."""
        seconds = self.seconds()
        if seconds % 1 or not low_s <= seconds <= high_s:
            raise self.error(
                f"{self.text()} can't be used, wanted are whole seconds from {low_s}s to {high_s}s"
            )
        return int(seconds)

    def scalar(self) -> str | int | float:
        """A number where it is one, else a text."""
        kind = self.node.tag.rpartition(":")[2]
        if kind not in ("int", "float"):
            return self.text()
        if _float(self.text()) is None:  # 12:30 and 0x1F are numbers only to YAML
            return self.text()
        number = self.number(low=-EXACT, high=EXACT)
        return int(number) if kind == "int" and number.is_integer() else number

    def _under(self, key: str) -> str:
        return f"{self.what}.{key}" if self.what else key

    def _is(self) -> str:
        if isinstance(self.node, yaml.MappingNode):
            return "there is a map"
        if isinstance(self.node, yaml.SequenceNode):
            return "there is a list" if self.node.value else "there is an empty list"
        return f"there is {shown(self.node.value)}" if self.node.value else "there is nothing"


@dataclass(frozen=True)
class Fields:
    """The keys of one map, all of them known."""

    place: Located
    found: dict[str, Located]

    def __getitem__(self, key: str) -> Located:
        return self.found[key]

    def get(self, key: str) -> Located | None:
        return self.found.get(key)

    def __contains__(self, key: object) -> bool:
        return key in self.found

    def just_one(self, *keys: str) -> str:
        """Which one of some keys is there; BadFile unless exactly one is."""
        there = [key for key in keys if key in self.found]
        if len(there) != 1:
            what = f"there are {' and '.join(there)}" if there else "there is none"
            raise self.place.error(f"wanted is exactly one of {', '.join(keys)}; {what}")
        return there[0]


def read(path: Path) -> Located:
    """BadFile, with the line, for what is no YAML; BadInput for what can't be read."""
    node = _composed(path, lambda text: yaml.compose(text, Loader=yaml.SafeLoader))
    if node is None:
        raise BadFile(path, "it is empty")
    return Located(path, "", node, 1)


def read_all(path: Path) -> list[Located]:
    """The same for a file of several documents; those without content are left out."""
    nodes = _composed(path, lambda text: list(yaml.compose_all(text, Loader=yaml.SafeLoader)))
    found = [
        Located(path, "", node, node.start_mark.line + 1)
        for node in nodes
        if not (isinstance(node, yaml.ScalarNode) and not node.value)
    ]
    if not found:
        raise BadFile(path, "it is empty")
    return found


def _composed(path: Path, compose: Callable[[str], Composed]) -> Composed:
    text = read_text(path, MAX_BYTES)
    try:
        return compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = ": ".join(part for part in (error.context, error.problem) if part)
        raise BadFile(
            path, f"it is no YAML: {told}", line=mark.line + 1 if mark else None
        ) from None
    except yaml.reader.ReaderError as error:
        told = f"the character {error.character!r} can't stand in it"
        line = text.count("\n", 0, error.position) + 1
        raise BadFile(path, f"it is no YAML: {told}", line=line) from None
    except RecursionError:
        raise BadFile(path, "it is nested too deeply") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # such as the escape "\UFFFFFFFF"
        raise BadFile(path, f"it is no YAML: {error}") from None


def read_text(path: Path, max_bytes: int) -> str:
    """Of a file of text in UTF-8. BadInput for one that can't be read, BadFile (with the line)
    for another kind."""
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from None
    if len(content) > max_bytes:
        raise BadFile(path, f"it is larger than {max_bytes // 1024} KiB, so it can't be used")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        told = f"it is no text: byte 0x{content[error.start]:02x} is not UTF-8"
        raise BadFile(path, told, line=line) from None


def _float(text: str) -> float | None:
    try:
        return float(POINT.sub(r"\1\2", text))
    except ValueError:
        return None


def unknown(what: str, word: str, known: Collection[str]) -> str:
    """``no metric 'latancy_p95_ms'; did you mean latency_p95_ms? There are: ...``."""
    near = difflib.get_close_matches(word, known, n=1)
    guess = f"did you mean {near[0]}? There are: " if near else "there are: "
    return f"no {what} {shown(word)}; {guess}{', '.join(known)}"


def shown(text: str) -> str:
    """In quotes, and short enough for a message."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
