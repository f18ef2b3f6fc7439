"""Two tunings, line by line: what would change."""

from dataclasses import asdict

from insurectl.records import Tuning


def diff(before: Tuning, after: Tuning) -> str:
    """One line a setting that differs: ``core-app.autoscaling.max_replicas: 6 -> 8``."""
    old, new = _flat(before), _flat(after)
    keys = [*old, *(key for key in new if key not in old)]
    lines = [
        f"{key}: {old.get(key, '(unset)')} -> {new.get(key, '(unset)')}"
        for key in keys
        if old.get(key) != new.get(key)
    ]
    return "\n".join(lines)


def _flat(tuning: Tuning) -> dict[str, str]:
    values: dict[str, str] = {}
    for service in tuning.services:
        _walk(service.service, {k: v for k, v in asdict(service).items() if k != "service"}, values)
    values["partner_per_minute"] = str(tuning.partner_per_minute)
    values["zone_rps"] = str(tuning.zone_rps)
    return values


def _walk(prefix: str, value: object, into: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _walk(f"{prefix}.{key}", inner, into)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            name = inner.get("name", number) if isinstance(inner, dict) else number
            _walk(f"{prefix}.{name}", inner, into)
    else:
        into[prefix] = str(value)
