"""What a worker's pod says of itself, in the API server's words."""

from collections.abc import Iterator
from typing import Any

NO_USE = ("ErrImageNeverPull", "InvalidImageName", "ImagePullBackOff", "CreateContainerError")

# as the API server returns it
Pod = dict[str, Any]


def started(pod: Pod) -> bool:
    """It has a log."""
    return any("waiting" not in one for one in _states(pod))


def ended(pod: Pod) -> bool:
    """It will say no more."""
    return pod["status"].get("phase") in {"Succeeded", "Failed"}


def hopeless(pod: Pod) -> bool:
    """It will not start: waiting longer is of no use."""
    waits = {one.get("waiting", {}).get("reason") for one in _states(pod)}
    return ended(pod) or not waits.isdisjoint(NO_USE)


def state(pod: Pod) -> str:
    """How its container is, or why it has none."""
    status, name = pod["status"], pod["metadata"]["name"]
    parts = [status.get("reason"), status.get("message")]
    for one in _states(pod):
        waits, end = one.get("waiting", {}), one.get("terminated", {})
        parts += [waits.get("reason"), waits.get("message"), end.get("reason")]
        parts.append(f"exit code {end['exitCode']}" if end else None)
    if not status.get("containerStatuses"):
        parts += [
            condition.get("message")
            for condition in status.get("conditions", ())
            if condition.get("status") == "False"
        ]
    told = ": ".join(str(part) for part in parts if part)
    return f"its pod {name} is {status.get('phase', 'unknown')}{f' ({told})' if told else ''}"


def _states(pod: Pod) -> Iterator[dict[str, Any]]:
    for one in pod["status"].get("containerStatuses", ()):
        if one.get("state"):
            yield one["state"]
