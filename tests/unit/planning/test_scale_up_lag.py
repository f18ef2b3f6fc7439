"""A scale-up's time, split into who took it."""

import pytest

from insurectl.planning.scale_up_lag import Lag, PodStart, ScaleUp, scale_ups, split, steps
from insurectl.records import Decision, Series, Timeline


def pod(created: float, *later: float | None, name: str = "p") -> PodStart:
    scheduled, started, ready = (*later, None, None, None)[:3]
    return PodStart(
        pod=name, created_s=created, scheduled_s=scheduled, started_s=started, ready_s=ready
    )


def seen(
    scraped: float | None, shown: float | None, decided: float | None, *pods: PodStart
) -> ScaleUp:
    return ScaleUp(
        zone="a", step_s=100.0, scraped_s=scraped, shown_s=shown, decided_s=decided, pods=pods
    )


def parts(lag: Lag) -> dict[str, float]:
    return dict(lag.parts)


@pytest.mark.parametrize(
    ("known", "found", "total_s", "missing"),
    [
        pytest.param(
            seen(102, 115, 122, pod(122, 123, 125, 130)),
            {"scrape": 2, "metrics API": 13, "decision": 7, "schedule": 1, "start": 7},
            30,
            (),
            id="one pod",
        ),
        pytest.param(
            seen(102, 115, 122, pod(122, 123, 125, 130), pod(122, 124, 126, 136, name="q")),
            {"scrape": 2, "metrics API": 13, "decision": 7, "schedule": 2, "start": 12},
            36,
            (),
            id="the last pod counts",
        ),
        pytest.param(
            seen(102, None, 122, pod(122, 123, 125, 130)),
            {"scrape": 2, "decision": 20, "schedule": 1, "start": 7},
            30,
            ("metrics API",),
            id="a moment that nobody recorded is in the part after it",
        ),
        pytest.param(
            seen(102, 115, 122, pod(122, 123, 125, None)),
            {"scrape": 2, "metrics API": 13, "decision": 7, "schedule": 1},
            None,
            ("start",),
            id="not ready yet",
        ),
        pytest.param(
            seen(102, 115, 122, pod(122, 123, 125, 130), pod(122, None, name="q")),
            {"scrape": 2, "metrics API": 13, "decision": 7},
            None,
            ("schedule", "start"),
            id="one of two has no node yet",
        ),
        pytest.param(
            seen(102, 115, 122),
            {"scrape": 2, "metrics API": 13, "decision": 7},
            None,
            ("schedule", "start"),
            id="no pod yet",
        ),
        pytest.param(
            seen(116, 115, 122.6, pod(122, 122, 125, 130)),
            {"scrape": 16, "metrics API": 0, "decision": 6.6, "schedule": 0, "start": 7.4},
            30,
            (),
            id="whole seconds before what led to them",
        ),
    ],
)
def test_each_part_ends_where_the_next_begins(
    known: ScaleUp, found: dict[str, float], total_s: float | None, missing: tuple[str, ...]
) -> None:
    lag = split(known)
    assert parts(lag) == pytest.approx(found)
    assert lag.total_s == (None if total_s is None else pytest.approx(total_s))
    assert lag.missing == missing
    if total_s is not None:
        assert sum(parts(lag).values()) == pytest.approx(total_s)


@pytest.mark.parametrize(
    ("rates", "found"),
    [
        pytest.param([], (), id="no load"),
        pytest.param([5] * 20, ((50, 70),), id="its begin"),
        pytest.param([0] * 3 + [5] * 20, ((53, 73),), id="its begin after a while"),
        pytest.param(
            [5] * 10 + [15] * 10 + [30] * 10, ((50, 60), (60, 70), (70, 80)), id="two more"
        ),
        pytest.param([5] * 10 + [30] * 3, ((50, 60),), id="too short to tell"),
        pytest.param([5] * 12 + [5 * 1.1**n for n in range(9)], ((50, 64),), id="then a ramp"),
        pytest.param([10 * 1.1**n for n in range(20)], (), id="a slow ramp has none"),
        pytest.param([10 * 1.3**n for n in range(20)], (), id="a steep one neither"),
        pytest.param([10, 13] * 10, (), id="up and down"),
        pytest.param([10] * 10 + [5] * 10, ((50, 60),), id="down"),
    ],
)
def test_a_step_is_a_rise_within_a_second(
    rates: list[float], found: tuple[tuple[float, float], ...]
) -> None:
    assert steps(rates, 50.0) == found


def series(
    name: str, points: dict[float, float], zone: str = "a", service: str = "", **labels: str
) -> Series:
    return Series(
        name=name,
        zone=zone,
        service=service,
        labels=labels,
        unit="",
        query="",
        times_s=tuple(points),
        values=tuple(points.values()),
    )


def up(at_s: float, before: int, after: int, reason: str = "scale up: memory") -> Decision:
    return Decision(
        at_s=at_s, zone="a", service="core-app", before=before, after=after, reason=reason
    )


def moments(
    pod: str, created: float, scheduled: float, started: float, ready: float
) -> list[Series]:
    named = {
        "pod_created_s": created,
        "pod_scheduled_s": scheduled,
        "pod_started_s": started,
        "pod_ready_s": ready,
    }
    return [series(name, {ready: value}, pod=pod) for name, value in named.items()]


def timeline(decisions: list[Decision], *found: Series) -> Timeline:
    return Timeline(run_id="r", started_s=0, ended_s=300, series=found, decisions=tuple(decisions))


RATE = series("requests_rps", {99: 5, 101: 5.2, 103: 8, 105: 15, 107: 15}, service="core-app")
AGES = series(
    "metrics_api_age_s", {99: 8, 101: 10, 115: 12, 117: 14, 119: 1}, pod="core-app-7d9f8-aaaaa"
)  # at 115 it shows 103


def test_a_timeline_tells_where_the_time_went() -> None:
    seen_pods = [
        *moments("core-app-7d9f8-aaaaa", 10, 10, 11, 12),  # was there before
        *moments("core-app-7d9f8-bbbbb", 122, 123, 125, 130),
        *moments("core-app-7d9f8-ccccc", 160, 161, 163, 166),  # of a later decision
        *moments("core-app-web-7d9f8-ddddd", 122, 150, 155, 160),  # of another service
    ]
    (lag,) = scale_ups(
        timeline([up(122.4, 1, 2), up(160, 2, 3)], RATE, AGES, *seen_pods),
        [(100.0, 200.0)],
        service="core-app",
    )
    assert (lag.zone, lag.step_s, lag.total_s, lag.missing) == ("a", 100, 30, ())
    assert parts(lag) == pytest.approx(
        {"scrape": 3, "metrics API": 12, "decision": 7.4, "schedule": 0.6, "start": 7}
    )


def test_a_metric_that_comes_past_the_metrics_api_has_no_time_there() -> None:
    reason = "scale up: http_requests_per_second"
    (lag,) = scale_ups(
        timeline([up(122, 1, 2, reason)], RATE, AGES), [(100.0, 200.0)], service="core-app"
    )
    assert lag.missing == ("metrics API", "schedule", "start")


def test_where_no_pod_is_known_the_ready_replicas_count() -> None:
    ready = series("ready_replicas", {120: 1, 124: 1, 126: 2, 128: 2}, service="core-app")
    (lag,) = scale_ups(
        timeline([up(122, 1, 2)], RATE, AGES, ready), [(100.0, 200.0)], service="core-app"
    )
    assert (lag.total_s, lag.missing) == (26, ("schedule",))
    assert parts(lag)["start"] == 4


@pytest.mark.parametrize(
    ("decisions", "held"),
    [
        pytest.param([], [(100.0, 200.0)], id="nothing was decided"),
        pytest.param([up(122, 3, 2)], [(100.0, 200.0)], id="only down"),
        pytest.param([up(90, 1, 2)], [(100.0, 200.0)], id="before the step"),
        pytest.param([up(122, 1, 2)], [(100.0, 120.0)], id="when the load had left its level"),
        pytest.param([up(122, 1, 2)], [], id="no step"),
    ],
)
def test_a_step_without_a_scale_up_has_no_lag(
    decisions: list[Decision], held: list[tuple[float, float]]
) -> None:
    assert scale_ups(timeline(decisions, RATE), held, service="core-app") == ()


def test_a_decision_belongs_to_the_step_before_it() -> None:
    held = [(100.0, 200.0), (200.0, 300.0)]
    lags = scale_ups(timeline([up(122, 1, 2), up(222, 2, 3)], RATE), held, service="core-app")
    assert [(lag.step_s, parts(lag)["decision"]) for lag in lags] == [(100, 19), (200, 22)]
