"""How one Prometheus names things, and how a named query is written for it.

A query is a template: ``$service`` stands for a label's name, ``$services`` for a selector, ``$w``
for the window of rates. What is put in is checked and written out beforehand, and is never read
as a template again, so a value with braces, quotes or ``$`` in it stays what it was.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from string import Template

from insurectl.errors import BadInput

# label by our name -> what it is called on `local` and by kube-state-metrics and cAdvisor
LABELS = {
    "job": "job",
    "service": "service",
    "replica": "replica",
    "pod": "pod",
    "container": "container",
    "deployment": "deployment",
    "horizontalpodautoscaler": "horizontalpodautoscaler",
    "http_route": "http_route",
    "http_response_status_code": "http_response_status_code",
    "status": "status",
    "route": "route",
}
ZONE = "{zone}"
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SPACE = re.compile(r"\s*")
_OPERATOR = re.compile(r"=~|!~|!=|=")
_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"' + "|" + r"'(?:[^'\\\n]|\\.)*'" + "|" + r"`[^`]*`")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPED = re.compile(r"\\(?:([abfnrtv\\\"'])|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))")


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """``label operator "value"`` of a selector; the value as it is, not as it is written."""

    label: str
    operator: str
    value: str

    def written(self) -> str:
        """As PromQL: JSON's escapes are among those of PromQL."""
        return f"{self.label}{self.operator}{json.dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """``labels``: our name -> theirs, where it is another; ``job`` empty: the services' series
    have none. ``matchers`` stand in every selector; ``{zone}`` in a value is the zone's name."""

    labels: Mapping[str, str] = field(default_factory=dict)
    matchers: tuple[Matcher, ...] = ()

    @property
    def tells_zones_apart(self) -> bool:
        """Whether zones that share one Prometheus get different answers."""
        return any(ZONE in one.value for one in self.matchers)

    def write(self, template: str, *, zone: str, window_s: int = 0) -> str:
        """The template's PromQL for one zone. KeyError for a placeholder that there is not."""
        names = LABELS | dict(self.labels)
        more = ",".join(
            replace(one, value=one.value.replace(ZONE, zone)).written() for one in self.matchers
        )
        job = f'{names["job"]}="services"' if names["job"] else ""
        api = f'{names["http_route"]}!~"/health.*|/metrics"'
        return Template(template).substitute(
            {
                **names,
                "services": _braces(job, more),
                "api": ",".join(part for part in (job, api, more) if part),
                "all": _braces(more),
                "and": f",{more}" if more else "",
                "w": f"{window_s}s",
            }
        )

    def read(self, labels: Mapping[str, str]) -> dict[str, str]:
        """An answer's labels under our names; without the metric's name."""
        found = {key: value for key, value in labels.items() if key != "__name__"}
        ours = {name: labels[theirs] for name, theirs in self.labels.items() if theirs in labels}
        moved = {theirs for name, theirs in self.labels.items() if theirs not in LABELS}
        return {key: value for key, value in found.items() if key not in moved} | ours


def parse_labels(text: str) -> dict[str, str]:
    """``service=app,pod=pod_name`` -> our name: theirs. BadInput says what can't be read."""
    found: dict[str, str] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        ours, equals, theirs = (piece.strip() for piece in part.partition("="))
        if ours not in LABELS or not equals:
            raise BadInput(
                f"prometheus_labels: {part.strip()!r} can't be used; wanted is OURS=THEIRS, such "
                f"as service=app; of ours there are: {', '.join(LABELS)}"
            )
        if not _NAME.fullmatch(theirs) and not (ours == "job" and not theirs):
            raise BadInput(f"prometheus_labels: {theirs!r} (for {ours}) is no name of a label")
        if ours in found:
            raise BadInput(f"prometheus_labels: {ours} is there twice")
        found[ours] = theirs
    return found


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """``cluster="prod",namespace=~"insure-.+"``, as between the braces of a selector."""
    found: list[Matcher] = []
    at = _skip(text, 0)
    while at < len(text):
        if found:
            if text[at] != ",":
                raise _unread(text, at, "a comma")
            at = _skip(text, at + 1)
            if at == len(text):  # PromQL takes a comma at the end too
                break
        label, at = _token(_NAME, text, at, "the name of a label")
        operator, at = _token(_OPERATOR, text, at, "one of = != =~ !~")
        value, at = _token(_TEXT, text, at, "a value in quotes")
        found.append(Matcher(label=label, operator=operator, value=_unquoted(value)))
    return tuple(found)


def _token(pattern: re.Pattern[str], text: str, at: int, wanted: str) -> tuple[str, int]:
    match = pattern.match(text, at)
    if match is None:
        raise _unread(text, at, wanted)
    return match.group(), _skip(text, match.end())


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _unread(text: str, at: int, wanted: str) -> BadInput:
    return BadInput(
        f"prometheus_matcher: {wanted} is wanted at position {at + 1} of {text!r}; write it as "
        'between the braces of a selector, such as cluster="prod",namespace="insure-{zone}"'
    )


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    return _ESCAPED.sub(_escaped, text[1:-1])


def _escaped(match: re.Match[str]) -> str:
    simple, short, long, unknown = match.groups()
    if simple is not None:
        return _ESCAPES.get(simple, simple)
    number = int(short or long or "110000", 16)
    if unknown is not None or number > sys.maxunicode:
        raise BadInput(
            f"prometheus_matcher: {match.group()} is no escape that can be used; a backslash is "
            "written \\\\, or the whole value between backticks"
        )
    return chr(number)


def _braces(*parts: str) -> str:
    inner = ",".join(part for part in parts if part)
    return f"{{{inner}}}" if inner else ""
