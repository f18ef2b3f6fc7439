"""Who set which field of an object (``metadata.managedFields``), and giving fields back.

Server-side apply takes a field from its owner when it sets another value. Were the field only let
go afterwards, it would have no owner, and the former one would not notice when it goes away.
"""

import json
from collections.abc import Iterable, Sequence
from copy import deepcopy

from insurectl.adapters.kubernetes_api import MANAGER, Object
from insurectl.adapters.object_paths import ITEM, Path

EXISTS = "."
SAME = ("manager", "operation", "subresource", "apiVersion")


def owners(found: Object) -> list[Object]:
    """The object's entries."""
    return list(found["metadata"].get("managedFields") or ())


def others(found: Object) -> list[Object]:
    """The entries of all but insurectl."""
    return [one for one in owners(found) if one.get("manager") != MANAGER]


def who_set(found: Object, path: Path) -> str:
    """The managers of a field, for people."""
    names = [one.get("manager", "?") for one in owners(found) if _has(one, path)]
    return ", ".join(dict.fromkeys(names)) or "nobody that the object names"


def ours(found: Object, paths: Iterable[Path]) -> list[Path]:
    """Those that insurectl applied and that are still its own."""
    entries = [one for one in owners(found) if _is_ours(one)]
    return [path for path in paths if any(_has(one, path) for one in entries)]


def given_back(
    found: Object, before: Sequence[Object], back: Sequence[Path], *, all_of_it: bool
) -> list[Object]:
    """The entries when insurectl lets these fields go to who had them in ``before``;
    ``all_of_it``: it has no other field in the object."""
    entries = []
    for one in deepcopy(owners(found)):
        if _is_ours(one):
            if all_of_it:
                continue
            for path in back:
                _take(one["fieldsV1"], _keys(path))
        entries.append(one)
    for former in before:
        if theirs := [path for path in back if _has(former, path)]:
            entry = next((one for one in entries if _same(one, former)), None)
            if entry is None:
                entry = {**former, "fieldsV1": {}}
                entries.append(entry)
            for path in theirs:
                _add(entry["fieldsV1"], _keys(path), former["fieldsV1"])
    return entries


def _is_ours(entry: Object) -> bool:
    return entry.get("manager") == MANAGER and entry.get("operation") == "Apply"


def _same(one: Object, other: Object) -> bool:
    return all(one.get(key) == other.get(key) for key in SAME)


def _keys(path: Path) -> list[str]:
    """As fieldsV1 writes them."""
    return [
        "k:" + json.dumps({"name": step.removeprefix(ITEM)}, separators=(",", ":"))
        if step.startswith(ITEM)
        else f"f:{step}"
        for step in path
    ]


def _has(entry: Object, path: Path) -> bool:
    place = entry.get("fieldsV1") or {}
    for key in _keys(path):
        if key not in place:
            return False
        place = place[key]
    return True


def _take(place: Object, keys: Sequence[str]) -> None:
    first, *rest = keys
    if first not in place:
        return
    if rest:
        _take(place[first], rest)
    if not rest or not place[first]:
        del place[first]


def _add(place: Object, keys: Sequence[str], former: Object) -> None:
    """Together with the marks (``.``) of what is around it, which went when it was alone there."""
    for key in keys:
        place, former = place.setdefault(key, {}), former[key]
        if EXISTS in former:
            place[EXISTS] = {}
