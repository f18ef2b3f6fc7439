"""Two tunings -> the rows that differ, each setting by its plain name."""

from insurectl.planning.tuning_diff import diff
from insurectl.records import RPS, Candidate, Recommendation, Tuning
from insurectl.render.story import Cell, Table

NAMES = {
    "replicas": "replicas a zone",
    "memory_request_mib": "memory request, MiB",
    "memory_limit_mib": "memory limit, MiB",
    "autoscaling.min_replicas": "least replicas a zone",
    "autoscaling.max_replicas": "most replicas a zone",
    "autoscaling.metrics.memory.utilization_percent": "memory target, % of the request",
    "autoscaling.metrics.cpu.utilization_percent": "CPU target, % of the request",
    f"autoscaling.metrics.{RPS}.average_value": "requests/s target a replica",
    "autoscaling.scale_up.stabilization_window_s": "window before scaling up, s",
    "autoscaling.scale_down.stabilization_window_s": "window before scaling down, s",
    "autoscaling.sync_period_s": "autoscaler looks every, s",
    "partner_per_minute": "requests a minute a partner key",
    "zone_rps": "requests/s let into a zone",
}
UNSET = {"None", "(unset)"}


def settings_table(before: Tuning, after: Tuning) -> Table:
    """Before -> after; only what differs, in the order of the settings."""
    rows: list[tuple[Cell, ...]] = []
    for line in diff(before, after).splitlines():
        key, _, change = line.partition(": ")
        old, _, new = change.partition(" -> ")
        if key.endswith((".kind", ".name")) or (old in UNSET and new in UNSET):
            continue
        rows.append((_service(key), _name(key), _value(old), "→", _value(new)))
    return Table(header=("service", "setting", "before", "", "after"), rows=tuple(rows),
                 align="llrlr")  # fmt: skip


def chosen(recommendation: Recommendation) -> Candidate | None:
    """The point of the search that became the recommended tuning; None if it was not kept."""
    services = recommendation.after.services
    tuning = next((one for one in services if one.service == recommendation.service), None)
    if tuning is None or tuning.autoscaling is None:
        return None
    hpa = tuning.autoscaling
    metrics = {metric.name: metric for metric in hpa.metrics}
    wanted: dict[str, float | None] = {
        "min_replicas": hpa.min_replicas,
        "max_replicas": hpa.max_replicas,
        "scale_down_window_s": hpa.scale_down.stabilization_window_s,
    }
    if "memory" in metrics:
        wanted["memory_target_percent"] = metrics["memory"].utilization_percent
    if RPS in metrics:
        wanted["rps_target"] = metrics[RPS].average_value
    fitting = [
        one
        for one in recommendation.candidates
        if all(_same(getattr(one, name), value) for name, value in wanted.items())
    ]
    return min(fitting, key=lambda one: (not one.on_front, one.miss_ratio), default=None)


def _same(one: float, other: float | None) -> bool:
    return other is not None and abs(one - other) < 0.051  # a target may have been rounded


def _service(key: str) -> str:
    return key.split(".", 1)[0] if "." in key else "gateway"


def _name(key: str) -> str:
    rest = key.split(".", 1)[1] if "." in key else key
    return NAMES.get(rest, rest.replace("autoscaling.", "").replace("_", " ").replace(".", " "))


def _value(text: str) -> str:
    if text in UNSET:
        return "not set"
    return text.removesuffix(".0")
