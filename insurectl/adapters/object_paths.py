"""Places within a Kubernetes object: read, set, taken out, cut out."""

from collections.abc import Iterable
from copy import deepcopy
from itertools import pairwise
from typing import Any

from insurectl.adapters.kubernetes_values import Object

Path = tuple[str, ...]
ITEM = "name="  # a step such as ``name=core-app``: the item of that name in a list


def shown(path: Path) -> str:
    """For people: ``spec.template.spec.containers[core-app].resources``."""
    text = ""
    for step in path:
        text += f"[{step.removeprefix(ITEM)}]" if step.startswith(ITEM) else f".{step}"
    return text.lstrip(".")


def at(found: Any, path: Path) -> Any:
    """What stands there; None where nothing does."""
    for step in path:
        found = _child(found, step)
        if found is None:
            return None
    return found


def put(found: Object, path: Path, value: Any) -> None:
    """Set it, with all that has to be around it."""
    place: Any = found
    for step, following in pairwise(path):
        place = _into(place, step, following)
    place[path[-1]] = value


def drop(found: Object, path: Path, kept: Object) -> None:
    """Take it out, and what is empty then around it unless ``kept`` has that, too."""
    around = at(found, path[:-1])
    if not isinstance(around, dict):
        return
    around.pop(path[-1], None)
    if len(path) > 1 and not around and at(kept, path[:-1]) is None:
        drop(found, path[:-1], kept)


def cut(found: Object, paths: Iterable[Path]) -> Object:
    """Only what stands there, and what is around it."""
    part: Object = {}
    for path in paths:
        place: Any = part
        source: Any = found
        for step, following in pairwise(path):
            source = _child(source, step)
            if source is None:
                break
            place = _into(place, step, following)
        else:
            value = _child(source, path[-1])
            if value is not None:
                place[path[-1]] = deepcopy(value)
    return part


def taken_out(before: Object, after: Object) -> Object:
    """The merge patch that takes out of ``before`` what ``after`` has not; values that differ
    are none of its business."""
    patch: Object = {}
    for key, value in before.items():
        if key not in after:
            patch[key] = None
        elif isinstance(value, dict) and (inner := taken_out(value, after[key] or {})):
            patch[key] = inner
    return patch


def _child(found: Any, step: str) -> Any:
    if step.startswith(ITEM):
        items = found if isinstance(found, list) else ()
        return next((one for one in items if one.get("name") == step.removeprefix(ITEM)), None)
    return found.get(step) if isinstance(found, dict) else None


def _into(place: Any, step: str, following: str) -> Any:
    inner = _child(place, step)
    if inner is None:
        inner = [] if following.startswith(ITEM) else {}
        if step.startswith(ITEM):
            inner = {"name": step.removeprefix(ITEM)}
            place.append(inner)
        else:
            place[step] = inner
    return inner
