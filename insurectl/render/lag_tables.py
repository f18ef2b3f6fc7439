"""From each step of the load to new replicas that serve: where the time went."""

from insurectl.planning.scale_up_lag import PARTS, Lag, scale_ups, steps
from insurectl.records import RunRecords
from insurectl.render.charts import minutes
from insurectl.render.story import Table


def lag_tables(run: RunRecords, service: str) -> tuple[Table, ...]:
    """One row a step of the load and zone that led to more replicas of the service."""
    if run.load is None or run.timeline is None:
        return ()
    risen = steps(run.load.offered_rps, run.load.started_s)
    lags = scale_ups(run.timeline, risen, service=service)
    if not lags:
        return ()
    header = ("load rose at", "zone", *(f"{name}, s" for name in PARTS), "until it serves, s")
    rows = tuple(
        (
            minutes(one.step_s - run.load.started_s),
            one.zone,
            *(_part(one, name) for name in PARTS),
            "-" if one.total_s is None else f"{one.total_s:.1f}",
        )
        for one in lags
    )
    return (Table(header=header, rows=rows, align="rl" + "r" * (len(PARTS) + 1)),)


def _part(lag: Lag, name: str) -> str:
    """A moment that nobody recorded has its time in the part after it."""
    return next((f"{took_s:.1f}" for part, took_s in lag.parts if part == name), "-")
