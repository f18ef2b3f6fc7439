from pathlib import Path

import pytest

from insurectl.adapters import cluster_status
from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.kubernetes_api import PodSeen

NOW_S = 1_000.0


def pod(
    *, ready: bool = False, ending: bool = False, age_s: float = 0.0, phase: str = "Running"
) -> PodSeen:
    return PodSeen(
        name="core-app-1",
        component="core-app",
        zone="a",
        container="core-app",
        node="n",
        ip="10.0.0.1",
        phase=phase,
        ready=ready,
        ending=ending,
        restarts=2,
        oom_kills=1,
        created_s=NOW_S - age_s,
        scheduled_s=None,
        started_s=None,
        ready_s=None,
        reason="" if ready else "why",
        labels={},
    )


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        pytest.param(pod(ready=True), "healthy", id="ready"),
        pytest.param(pod(age_s=10), "starting", id="young"),
        pytest.param(pod(age_s=31), "unhealthy", id="not ready for too long"),
    ],
)
def test_a_pods_state_is_told_in_the_words_of_every_target(seen: PodSeen, state: str) -> None:
    assert cluster_status._state(seen, NOW_S) == state


READY, LEAVES = pod(ready=True), pod(ready=True, ending=True)
EVICTED, COMPLETED = pod(phase="Failed", age_s=9e5), pod(phase="Succeeded", age_s=9e5)


@pytest.mark.parametrize(
    ("pods", "wanted", "states"),
    [
        pytest.param([READY, READY], 2, ["healthy", "healthy"], id="all are there"),
        pytest.param([READY, LEAVES], 1, ["healthy"], id="one leaves after a scale-down"),
        pytest.param([READY, pod(ending=True)], 1, ["healthy"], id="one has drained"),
        pytest.param([READY, LEAVES], 2, ["healthy", "starting"], id="one is about to follow"),
        pytest.param([LEAVES], 2, ["gone", "starting"], id="one follows, one is not there"),
        pytest.param([READY], 2, ["gone", "healthy"], id="one is not there"),
        pytest.param([READY, EVICTED], 1, ["healthy"], id="one was evicted and replaced"),
        pytest.param([EVICTED], 1, ["gone"], id="one was evicted and not replaced"),
        pytest.param([READY, COMPLETED], 1, ["healthy"], id="one ended"),
    ],
)
def test_a_zone_is_as_well_as_the_pods_that_stay(
    pods: list[PodSeen], wanted: int, states: list[str]
) -> None:
    site = Site(zone="a", context="c", namespace="n")
    found = cluster_status.processes(site, pods, {"core-app": wanted}, {}, NOW_S)
    assert sorted(one.state for one in found) == sorted(states)


def test_pods_that_nothing_here_asks_for_are_not_told_of() -> None:
    site = Site(zone="a", context="c", namespace="n")
    assert cluster_status.processes(site, [READY], {}, {}, NOW_S) == []


def test_why_a_pod_is_not_ready_is_told_with_it() -> None:
    site = Site(zone="a", context="c", namespace="n")
    ill = cluster_status._pod(site, pod(age_s=60), NOW_S, 12.5)
    assert (ill.zone, ill.detail, ill.memory_mib) == ("a", "why", 12.5)
    assert (ill.restarts, ill.oom_kills) == (2, 1)
    assert cluster_status._pod(site, pod(ready=True), NOW_S, None).detail == ""


def test_a_cluster_that_does_not_answer_is_one_line_a_zone(tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text("contexts: []\n")
    sites = tuple(
        Site(zone=zone, context="gone", namespace="n", kubeconfig=config) for zone in "ab"
    )
    found = cluster_status.look(sites, NOW_S)
    assert [(one.zone, one.name, one.state) for one in found] == [
        ("a", "cluster", "gone"),
        ("b", "cluster", "gone"),
    ]
    assert "no context gone" in found[0].detail
    assert cluster_status.look((), NOW_S) == ()
