from pathlib import Path

import pytest

from insurectl.adapters import cluster_status
from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.kubernetes_api import PodSeen

NOW_S = 1_000.0


def pod(*, ready: bool = False, ending: bool = False, age_s: float = 0.0) -> PodSeen:
    return PodSeen(
        name="core-app-1",
        component="core-app",
        zone="a",
        container="core-app",
        node="n",
        ip="10.0.0.1",
        phase="Running",
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
        pytest.param(pod(ready=True, ending=True), "healthy", id="ready and ending"),
        pytest.param(pod(ending=True), "stopped", id="ending"),
        pytest.param(pod(age_s=10), "starting", id="young"),
        pytest.param(pod(age_s=31), "unhealthy", id="not ready for too long"),
    ],
)
def test_a_pods_state_is_told_in_the_words_of_every_target(seen: PodSeen, state: str) -> None:
    assert cluster_status._state(seen, NOW_S) == state


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
