"""What an API server can refuse, as the errors of insurectl; said once for every call."""

import json
from collections.abc import Mapping
from typing import Any

from insurectl.errors import TargetNotReady

LONGEST = 600  # of a server's own words
HINTS = {
    401: "the credentials are wrong or have expired: log in again the way your cluster's provider "
    "says, and try `kubectl --context {context} auth whoami`",
    403: "ask whoever runs the cluster for that right, or use a context that has it",
}


class ApiRefusal(TargetNotReady):
    """The API server said no. ``status``: of HTTP; ``causes``: (reason, field, message) each."""

    def __init__(
        self, message: str, *, status: int, causes: tuple[tuple[str, str, str], ...] = ()
    ) -> None:
        self.status, self.causes = status, causes
        super().__init__(message)


class NotAllowed(ApiRefusal):
    """The credentials are good, but the right is missing."""


class NotThere(ApiRefusal):
    """No such object, or the cluster has no such kind of objects."""


class Conflict(ApiRefusal):
    """It exists already, or was changed in between, or a field belongs to another manager."""


class Unreachable(TargetNotReady):
    """No answer from the API server at all, or (``timed_out``) none in time."""

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        self.timed_out = timed_out
        super().__init__(message)


def refusal(context: str, what: str, status: int, body: bytes) -> ApiRefusal:
    """The error for an answer that is not 2xx; ``what`` is the call, for people."""
    message, causes = _said(body)
    text = f"context {context}: {what}: {message or f'HTTP {status}'}"
    if hint := HINTS.get(status):
        text = f"{text}; {hint.format(context=context)}"
    kind = {403: NotAllowed, 404: NotThere, 409: Conflict}.get(status, ApiRefusal)
    return kind(text, status=status, causes=causes)


def _said(body: bytes) -> tuple[str, tuple[tuple[str, str, str], ...]]:
    text = body.decode(errors="replace").strip()
    try:
        status: Any = json.loads(text)
    except ValueError:
        return text[:LONGEST], ()
    if not isinstance(status, Mapping) or "message" not in status:
        return text[:LONGEST], ()
    causes = (status.get("details") or {}).get("causes") or ()
    return str(status["message"])[:LONGEST], tuple(
        (str(one.get("reason", "")), str(one.get("field", "")), str(one.get("message", "")))
        for one in causes
    )
