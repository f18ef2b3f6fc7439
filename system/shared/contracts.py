"""What an event may say: JSON Schemas in ``system/contracts``, compiled once.

A schema covers the whole envelope. Fields that it does not know pass, so that a producer may be a
version ahead of a consumer (additive change only).
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

FOLDER = Path(__file__).parents[1] / "contracts"
Validate = Callable[[Mapping[str, Any]], object]


class Refused(Exception):
    """The event is not what its contract says; the reason may be shown."""


def key(event_type: str, version: int) -> str:
    """Routing key and file name of an event: ``policies.issued.v1``."""
    return f"{event_type}.v{version}"


def check(event: Mapping[str, Any]) -> None:
    """Raises Refused unless the whole envelope is as its schema says."""
    asked = _asked(event)
    validate = _compiled().get(asked)
    if validate is None:
        raise Refused(f"there is no contract {asked[:80]}")
    try:
        validate(event)
    except fastjsonschema.JsonSchemaValueException as error:
        raise Refused(str(error.message)[:500]) from error


@cache
def consumers() -> Mapping[str, tuple[str, ...]]:
    """Each consuming service with the keys that it is sent; from ``x-consumers`` of the schemas."""
    found: dict[str, tuple[str, ...]] = {}
    for name, schema in schemas().items():
        for service in schema["x-consumers"]:
            found[service] = (*found.get(service, ()), name)
    return found


@cache
def schemas() -> Mapping[str, dict[str, Any]]:
    """All event schemas by key."""
    return {
        path.name.removesuffix(".json"): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.v[0-9]*.json"))
    }


def _asked(event: Mapping[str, Any]) -> str:
    if not isinstance(event, Mapping):
        raise Refused("an event is an object")
    event_type, version = event.get("event_type"), event.get("version")
    if not isinstance(event_type, str) or type(version) is not int:
        raise Refused("event_type is text and version a number")
    return key(event_type, version)


@cache
def _compiled() -> Mapping[str, Validate]:
    formats: dict[str, Callable[[str], bool]] = {"date": _is_date, "date-time": _is_time}
    return {
        name: fastjsonschema.compile(schema, formats=formats, use_default=False)
        for name, schema in schemas().items()
    }


def _is_date(text: str) -> bool:
    """A day of the calendar: the library's own pattern lets 2026-02-31 through."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_time(text: str) -> bool:
    """RFC 3339, with an offset: a time without one means another moment in each zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
