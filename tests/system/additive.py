"""Whether a JSON Schema of an event is only more than it was.

Strict on purpose: a producer and a consumer of different versions run side by side during every
roll-out, in both directions. What a consumer relied upon must stay (fields, and that they are
required, and all that is known of their values), and what a producer sends must still pass.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
WORDS = {"title", "description", "$id", "$comment", "examples"}  # for people; change nothing


def narrowed(before: Schema, now: Schema) -> list[str]:
    """Every change that is no addition, with the path to it; empty when there is none."""
    return list(_changes(before, now, "$"))


def _changes(before: Any, now: Any, path: str) -> Iterator[str]:
    if not (isinstance(before, dict) and isinstance(now, dict)):
        if before != now:
            yield f"{path}: {before!r} became {now!r}"
        return
    for key in sorted((before.keys() | now.keys()) - WORDS):
        yield from _keyword(key, before, now, f"{path}.{key}")


def _keyword(key: str, before: Schema, now: Schema, path: str) -> Iterator[str]:
    if key in {"properties", "definitions"}:
        yield from _named(before.get(key, {}), now.get(key, {}), path)
    elif key == "required":
        yield from _required(set(before.get(key, [])), set(now.get(key, [])), path)
    elif key == "x-consumers":
        for gone in sorted(set(before.get(key, [])) - set(now.get(key, []))):
            yield f"{path}: {gone} is no longer sent it"
    elif key not in before:
        yield f"{path}: a new constraint"
    elif key not in now:
        yield f"{path}: consumers relied on this constraint"
    else:
        yield from _changes(before[key], now[key], path)


def _named(before: Schema, now: Schema, path: str) -> Iterator[str]:
    for name in sorted(before):
        if name in now:
            yield from _changes(before[name], now[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: removed"


def _required(before: set[str], now: set[str], path: str) -> Iterator[str]:
    for name in sorted(now - before):
        yield f"{path}: {name} is newly required"
    for name in sorted(before - now):
        yield f"{path}: {name} is no longer required"
