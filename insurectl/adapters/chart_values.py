"""What the user chose of the chart's values: a YAML file of theirs that lies under what insurectl
sets, and the image of Prometheus."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from insurectl.adapters import cluster_values, located_yaml
from insurectl.adapters.cluster_values import Values
from insurectl.adapters.located_yaml import Located
from insurectl.errors import BadFile

Place = tuple[str, ...]
DEFAULTS: tuple[Place, ...] = (  # the file's counts there
    ("postgresql", "storage", "size"),
    ("rabbitmq", "storage", "size"),
)
SCALED = (
    "insurectl sets it through the scale subresource: `insurectl scale`, or a scenario's system"
)


@dataclass(frozen=True, kw_only=True)
class ChartChoices:
    """``file`` is read at each release; ``prometheus_image`` is REPOSITORY:TAG, or empty for the
    chart's own."""

    file: Path | None = None
    prometheus_image: str = ""

    def under(self, ours: Mapping[str, Any]) -> Values:
        """The file's values with insurectl's over them. BadFile where it is no YAML of the chart's
        form, and where both set a key to different values; BadInput where it can't be read."""
        if self.prometheus_image:
            repository, _, tag = self.prometheus_image.rpartition(":")
            image = {"image": {"prometheus": {"repository": repository, "tag": tag}}}
            ours = cluster_values.merged(ours, image)
        if self.file is None:
            return dict(ours)
        theirs, lines = _read(self.file)
        _refuse_both(self.file, theirs, ours, lines)
        found = cluster_values.merged(theirs, ours)
        for place in DEFAULTS:
            if place in lines and _at(ours, place) is not None:
                found = cluster_values.merged(found, _only(place, _at(theirs, place)))
        return found

    def refusal(self, told: str) -> BadFile | None:
        """Helm's refusal of values, with the line of the file that it is about; None when it is
        about none."""
        if self.file is None:
            return None
        _, lines = _read(self.file)
        about = [
            one for one in lines if f"'/{'/'.join(one)}'" in told or f"{_dotted(one)}:" in told
        ]
        if not about:
            return None
        return BadFile(self.file, f"the chart does not take this: {told}", line=lines[about[-1]])


def _read(path: Path) -> tuple[Values, dict[Place, int]]:
    """The values, and the line of each key."""
    root = located_yaml.read(path)
    if not isinstance(root.node, yaml.MappingNode):
        raise root.error(
            "it has to be values of the chart with their keys, such as `gateway: {replicas: 2}`"
        )
    try:
        lines = dict(_lines(root, ()))
        loader = yaml.SafeLoader("")
        try:
            found: Values = loader.construct_document(root.node)
        finally:
            loader.dispose()
    except RecursionError:
        raise BadFile(path, "it is nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadFile(path, f"it can't be read: {error.problem}", line=line) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise BadFile(path, f"it can't be read: {error}") from None
    return found, lines


def _lines(there: Located, place: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(there.node, yaml.MappingNode):
        for key, inner in there.items().items():
            yield (*place, key), inner.line
            yield from _lines(inner, (*place, key))
    elif isinstance(there.node, yaml.SequenceNode):
        for number, node in enumerate(there.node.value):
            line = node.start_mark.line + 1
            inner = Located(there.path, f"{there.what}[{number}]", node, line)
            yield (*place, f"{number}"), line
            yield from _lines(inner, (*place, f"{number}"))
    else:
        _check_scalar(there)


def _check_scalar(there: Located) -> None:
    kind, text = there.node.tag.rpartition(":")[2], f"{there.node.value}"
    if kind == "timestamp":
        raise there.error(f"{text} is a date to YAML; write a text in quotes")
    if kind == "float" and not math.isfinite(yaml.safe_load(text)):
        raise there.error(f"{text} is not finite")


def _refuse_both(
    file: Path, theirs: Mapping[str, Any], ours: Mapping[str, Any], lines: Mapping[Place, int]
) -> None:
    told = [
        (lines.get(place), f"{_dotted(place)} is {there} here, insurectl sets {wanted}")
        for place, there, wanted in _both(theirs, ours, ())
    ]
    told += [
        (line, f"{_dotted(place)}: {SCALED}")
        for place, line in lines.items()
        if len(place) == 3 and place[0] == "services" and place[2] == "replicas"
    ]
    if told:
        more = "".join(f"\n{file}:{line}: {text}" for line, text in told[1:])
        raise BadFile(file, f"{told[0][1]}{more}\ntake it out of the file", line=told[0][0])


def _both(
    theirs: Mapping[str, Any], ours: Mapping[str, Any], place: Place
) -> Iterator[tuple[Place, object, object]]:
    """What both set, and differently."""
    for key in theirs:
        here = (*place, f"{key}")
        if key not in ours or here in DEFAULTS:
            continue
        there, wanted = theirs[key], ours[key]
        if isinstance(there, Mapping) and isinstance(wanted, Mapping):
            yield from _both(there, wanted, here)
        elif there != wanted or isinstance(there, bool) != isinstance(wanted, bool):
            yield here, there, wanted


def _at(values: Mapping[str, Any], place: Place) -> Any:
    found: Any = values
    for key in place:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _only(place: Place, value: object) -> Values:
    for key in reversed(place):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def _dotted(place: Place) -> str:
    return ".".join(place)
