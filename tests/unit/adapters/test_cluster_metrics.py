"""Decisions from the cluster's events and the counts that Prometheus has; the real autoscaler's
events are read in tests/cluster."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from insurectl.adapters.cluster_metrics import ClusterMetrics, Place
from insurectl.adapters.kubernetes_errors import Unreachable
from insurectl.adapters.kubernetes_events import EventSeen
from insurectl.errors import TargetNotReady
from insurectl.records import Zone

ZONE = Zone(name="a", gateway_url="", prometheus_url="")
MEMORY = "memory resource utilization (percentage of request) above target"
KEDA = "external metric s1-prometheus(&LabelSelector{}) above target"
BELOW = "All metrics below target"
NOW_S = 10_000.0


def event(
    at_s: float, size: int, reason: str, *, first_s: float | None = None, name: str = "core-app"
) -> EventSeen:
    return EventSeen(
        at_s=at_s,
        first_s=at_s if first_s is None else first_s,
        warning=False,
        reason="SuccessfulRescale",
        message=f"New size: {size}; reason: {reason}",
        kind="HorizontalPodAutoscaler",
        name=name,
        count=1 if first_s is None else 2,
        source="horizontal-pod-autoscaler",
    )


class Api:
    def __init__(self, *events: EventSeen) -> None:
        self.seen = events
        self.error: TargetNotReady | None = None
        self.autoscalers = {"core-app": "core-app"}

    def events(self, namespace: str, since_s: float = 0.0) -> tuple[EventSeen, ...]:
        if self.error:
            raise self.error
        return tuple(one for one in self.seen if one.at_s >= since_s)

    def items(self, path: str) -> Sequence[Mapping[str, Any]]:
        if path.endswith("horizontalpodautoscalers"):
            if self.error:
                raise self.error
            return [
                {"metadata": {"name": name}, "spec": {"scaleTargetRef": {"name": scaled}}}
                for name, scaled in self.autoscalers.items()
            ]
        triggers = [{"type": "memory"}, {"type": "prometheus", "name": "rps"}]
        return [{"spec": {"scaleTargetRef": {"name": "core-app"}, "triggers": triggers}}]


def decided(
    api: Api,
    counts: Sequence[tuple[float, int]],
    *,
    start_s: float = 9_000.0,
    now_s: float = NOW_S,
    autoscaler: str = "core-app",
) -> tuple[list[tuple[float, int, int, str]], tuple[str, ...]]:
    """``counts``: what Prometheus says that the autoscaler asked for."""
    values = [[at_s, f"{count}"] for at_s, count in counts]
    labels = {"horizontalpodautoscaler": autoscaler}
    result = [{"metric": labels, "values": values}] if counts else []

    def ask(zone: Zone, kind: str, params: Mapping[str, object]) -> dict[str, Any]:
        return {"status": "success", "data": {"resultType": "matrix", "result": result}}

    place = Place(api=api, namespace="insure-x-a")
    metrics = ClusterMetrics(2.0, ask, {"a": place}, now=lambda: now_s)
    found = metrics.decisions([ZONE], start_s, now_s)
    assert {one.service for one in found} <= {"core-app"}
    return (
        [(one.at_s, one.before, one.after, one.reason) for one in found],
        metrics.warnings(),
    )


def test_events_are_decisions_with_the_count_that_was_scraped_before() -> None:
    found, warnings = decided(
        Api(event(9010.5, 3, MEMORY), event(9400.0, 1, BELOW)),
        [(9008, 2), (9010, 2), (9012, 3), (9398, 3), (9400, 3), (9402, 1)],
    )
    assert found == [
        (9010.5, 2, 3, f"scale up: memory (the cluster: {MEMORY})"),
        (9400.0, 3, 1, "scale down: all metrics below target"),
    ]
    assert warnings == ()


def test_kedas_numbers_get_the_names_of_their_triggers() -> None:
    ((_, _, _, reason),), _ = decided(Api(event(9010, 3, KEDA)), [(9008, 1)])
    assert reason.startswith("scale up: http_requests_per_second (the cluster: external metric s1")


def test_decisions_are_the_services_whatever_its_autoscaler_is_called() -> None:
    api = Api(event(9010, 3, KEDA, name="keda-hpa-scaler"))
    api.autoscalers = {"keda-hpa-scaler": "core-app", "other": "client-info"}
    counts = [(9008, 1), (9012, 3), (9100, 3), (9102, 2)]
    found, warnings = decided(api, counts, autoscaler="keda-hpa-scaler")
    assert [(*counted, reason.split(" (")[0]) for *counted, reason in found] == [
        (9010, 1, 3, "scale up: http_requests_per_second"),
        (9102, 3, 2, "scale down: metric not recorded"),
    ]
    assert warnings == ()


def test_two_decisions_between_scrapes_follow_each_other() -> None:
    found, _ = decided(
        Api(event(9010, 2, MEMORY), event(9012, 4, MEMORY)), [(9008, 1), (9012, 1), (9014, 4)]
    )
    assert [(before, after) for _, before, after, _ in found] == [(1, 2), (2, 4)]


def test_without_prometheus_the_event_before_tells_the_count() -> None:
    found, warnings = decided(Api(event(8000, 2, MEMORY), event(9100, 4, MEMORY)), [])
    assert [(before, after) for _, before, after, _ in found] == [(2, 4)]
    assert not any("core-app was set to 2" in one for one in warnings)  # before the window


def test_a_decision_whose_count_before_is_unknown_is_left_out_and_told() -> None:
    found, warnings = decided(Api(event(9100, 4, MEMORY)), [])
    assert found == []
    assert any("core-app was set to 4" in one for one in warnings)


def test_an_event_that_came_again_is_as_many_decisions_as_have_a_time() -> None:
    again = event(9300, 3, MEMORY, first_s=9100)
    found, _ = decided(
        Api(again, event(9200, 1, BELOW)),
        [(9098, 1), (9102, 3), (9198, 3), (9202, 1), (9298, 1), (9302, 3)],
    )
    assert [(at_s, before, after) for at_s, before, after, _ in found] == [
        (9100, 1, 3),
        (9200, 3, 1),
        (9300, 1, 3),
    ]


def test_a_change_that_no_event_tells_of_has_no_reason() -> None:
    found, warnings = decided(
        Api(event(9300, 4, MEMORY)),
        [(9010, 0), (9012, 1), (9100, 1), (9102, 2), (9298, 2), (9302, 4)],
    )
    assert [
        (at_s, before, after, reason.split(" (")[0]) for at_s, before, after, reason in found
    ] == [
        (9102, 1, 2, "scale up: metric not recorded"),
        (9300, 2, 4, "scale up: memory"),
    ]
    assert warnings == ()


def test_a_window_that_is_older_than_the_events_says_so() -> None:
    found, (warning,) = decided(
        Api(), [(9100, 1), (9102, 2)], start_s=9_000.0, now_s=9_000.0 + 3_900
    )
    assert "the window begins 65 min ago and a cluster keeps events for 60 min" in warning
    assert [reason for _, _, _, reason in found] == ["scale up: metric not recorded"]


def test_events_before_the_window_only_tell_the_count() -> None:
    found, _ = decided(Api(event(8999, 3, MEMORY), event(9001, 5, MEMORY)), [(8990, 1)])
    assert [(at_s, before, after) for at_s, before, after, _ in found] == [(9001, 3, 5)]


def test_a_cluster_that_does_not_answer_is_a_warning() -> None:
    api = Api()
    api.error = Unreachable("no answer")
    found, warnings = decided(api, [(9100, 1), (9102, 2)])
    assert [reason for _, _, _, reason in found] == ["scale up: metric not recorded"]
    assert any("no events of the autoscalers: no answer" in one for one in warnings)


@pytest.mark.parametrize("message", ["New size: three", ""])
def test_words_that_are_not_known_are_told(message: str) -> None:
    strange = EventSeen(**{**vars(event(9100, 2, MEMORY)), "message": message})
    found, warnings = decided(Api(strange), [(9098, 1)])
    assert (found, any("unknown words" in one for one in warnings)) == ([], True)
