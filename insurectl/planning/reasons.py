"""Why the settings that were chosen are as they are, in words a planner can check."""

from insurectl.planning.candidates import Point, Task, needed, peak_rps, stuck
from insurectl.records import Effect


def reasons(task: Task, chosen: Point, effect: Effect, usual: Effect) -> tuple[str, ...]:
    model, one = task.model, chosen.candidate
    capacity = model.rps_per_replica
    share = one.rps_target / capacity.value
    partner = task.before.partner_per_minute
    room = f"; the rest is room for the {model.startup_s.value:.1f} s that a start takes"
    found = [
        f"RPS target {one.rps_target:g} a replica: {share:.0%} of the {capacity.value:.1f} "
        f"requests/s ({capacity.low:.1f} to {capacity.high:.1f}) that one replica takes within "
        f"the SLO{room if share < 1 else ''}",
        f"{one.min_replicas} to {one.max_replicas} replicas a zone: {_peak(task, chosen)}",
        f"memory request {one.memory_request_mib:g} MiB, target {one.memory_target_percent} %: a "
        f"replica holds {model.memory_floor_mib.value:.0f} MiB when idle and "
        f"{model.memory_per_rps_mib.value:.2f} MiB more for each request/s",
        f"zone limit {chosen.tuning.zone_rps:g} requests/s: what {one.max_replicas} replicas take "
        "within the SLO; beyond it the gateway sheds with 503 rather than let all wait",
        f"partner limit {partner} a minute: what was agreed with them, kept"
        + _partner_share(task, chosen),
        f"with the earlier settings the traffic kept for verifying would cost "
        f"{usual.replica_seconds.value:.0f} replica-seconds and {usual.miss_ratio.value:.1%} of "
        f"its requests would fail or be beyond the SLO; with these "
        f"{effect.replica_seconds.value:.0f} and {effect.miss_ratio.value:.1%} (both simulated)",
    ]
    return tuple(found)


def _peak(task: Task, chosen: Point) -> str:
    zones, one = task.tune.zones, chosen.candidate
    count = needed(task, one.rps_target)
    text = f"the peak of {peak_rps(task):.1f} requests/s needs {count} at that target"
    if zones > 1:
        text += f" when {zones - 1} of {zones} zones are left"
    if count < one.max_replicas:
        text += ", and one more than the least is allowed in any case"
    if count > one.max_replicas:
        text += f", but a zone has room for {task.slots}"
    return text


def _partner_share(task: Task, chosen: Point) -> str:
    if task.partners is None or chosen.tuning.zone_rps is None:
        return ""
    all_rps = task.partners * task.before.partner_per_minute / 60
    share = all_rps / (chosen.tuning.zone_rps * task.tune.zones)
    return f"; all {task.partners} at their limit are {all_rps:.1f} requests/s, {share:.0%} of that"


def warnings(task: Task, chosen: Point, allowed: float) -> tuple[str, ...]:
    model, one = task.model, chosen.candidate
    found = []
    if one.miss_ratio > allowed:
        found.append(
            f"no settings that were searched keep the SLO with room: these miss "
            f"{one.miss_ratio:.1%} on the tuning traffic, {allowed:.1%} were allowed"
        )
    if (count := needed(task, one.rps_target)) > task.slots:
        found.append(
            f"a zone has room for {task.slots} replicas, but the peak needs {count} "
            f"at {one.rps_target:g} requests/s each"
            + (" when a zone is lost" if task.tune.zones > 1 else "")
        )
    if kept := stuck(model, one):
        found.append(
            f"memory alone keeps {kept} replicas once they are there, more than the least of "
            f"{one.min_replicas}: an idle one holds {model.memory_floor_mib.value:.0f} MiB, the "
            f"target is {one.memory_request_mib * one.memory_target_percent / 100:.0f} MiB"
        )
    if model.lower_bound:
        found.append("what one replica takes is a lower bound, so these settings may cost too much")
    return tuple(found)
