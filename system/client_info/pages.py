"""Pages: how many at a time, and where the last one ended."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any

from system.shared.graphql import Refused

LONGEST = 100  # items at a time, of any list
TEXT = 200  # characters of a filter


def page_size(first: int | None) -> int:
    """A null is as good as nothing."""
    if first is None:
        return LONGEST
    if not 0 <= first <= LONGEST:
        raise Refused("LIMIT_EXCEEDED", f"first: from 0 to {LONGEST}")
    return first


def text(name: str, value: str | None) -> str | None:
    """A filter that PostgreSQL can compare: it keeps no NUL and no half characters."""
    if value is None:
        return None
    if len(value) > TEXT or "\0" in value or not value.isprintable():
        raise Refused("INVALID_REQUEST", f"{name}: at most {TEXT} printable characters")
    return value


def cursor(*values: object) -> str:
    """Opaque to who gets it."""
    told = json.dumps([str(value) for value in values]).encode()
    return base64.urlsafe_b64encode(told).decode().rstrip("=")


def read_cursor(after: str, kinds: Sequence[Callable[[str], Any]]) -> tuple[Any, ...]:
    """What ``cursor`` was given; raises Refused for anything else."""
    try:
        padded = after.encode() + b"=" * (-len(after) % 4)
        values = json.loads(base64.b64decode(padded, b"-_", validate=True))
        found = tuple(kind(value) for kind, value in zip(kinds, values, strict=True))
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise Refused("INVALID_REQUEST", "after: this is no cursor") from None
    return found
