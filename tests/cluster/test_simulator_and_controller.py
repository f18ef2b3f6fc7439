"""The real HorizontalPodAutoscaler on the shapes of two bundled scenarios, a sync each second; then
insurectl's own decisions and its simulator beside it. ``make campaign`` does the same with
Kubernetes' own period, for ten minutes."""

import os
from dataclasses import replace
from statistics import median

import pytest

from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.adapters.scenario_file import load_scenario
from insurectl.planning.workload import scenario_rates

from .conftest import ControlPlane
from .controller_loop import Recording, play
from .controller_objects import scaling
from .controller_replay import closeness, decide_alike, rescales, syncs
from .driven_system import Load

pytestmark = [pytest.mark.cluster, pytest.mark.alone]
SCENARIOS = ("memory_scaling", "rps_scaling")
SYNC = "1s"  # as conftest starts the control plane
EDGE = 0.02  # of the syncs may fall on a window's or a pod's very moment, seen by two clocks
SEEDS = range(7, 16)


def load(name: str) -> Load:
    scenario = load_scenario(name)
    tuning = next(one for one in scenario.services if one.service == "core-app")
    assert tuning.autoscaling is not None
    return Load(
        name=name.replace("_", "-"),
        rates=scenario_rates(scenario, part="tune"),
        tuning=replace(tuning, autoscaling=replace(tuning.autoscaling, sync_period_s=1.0)),
        cost=scenario.costs["core-app"],
        floor_mib=100,
        scrape_s=1.0,
        resolution_s=1.0,
    )


@pytest.fixture(scope="module")
def recordings(
    cluster: ClusterApi, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Recording]:
    if os.environ.get("HPA_SYNC", SYNC) != SYNC:
        pytest.skip(f"made for HPA_SYNC={SYNC}; it is {os.environ['HPA_SYNC']}")
    played = play(cluster, [load(name) for name in SCENARIOS], tmp_path_factory.mktemp("metrics"))
    return dict(zip(SCENARIOS, played, strict=True))


@pytest.mark.parametrize("name", SCENARIOS)
def test_told_the_same_insurectl_decides_what_the_controller_decides(
    name: str, recordings: dict[str, Recording], control_plane: ControlPlane
) -> None:
    recording = recordings[name]
    changes = rescales(control_plane.folder / "controller-manager.log", recording)
    found = decide_alike(scaling(recording.load), syncs(recording, changes))
    print(found)
    assert found.syncs >= 0.9 * len(recording.load.rates)
    assert found.rescaled >= 4
    assert found.same >= (1 - EDGE) * found.syncs, found.told
    assert found.same_reason >= (1 - EDGE) * found.reasons, found.told


@pytest.mark.parametrize("name", SCENARIOS)
def test_told_only_the_load_the_simulator_is_within_one_replica(
    name: str, recordings: dict[str, Recording]
) -> None:
    found = [closeness(recordings[name], seed) for seed in SEEDS]
    print(recordings[name].replicas, *found, sep="\n")
    assert median(one.within_one for one in found) >= 0.95


def test_the_load_met_replicas_that_serve(recordings: dict[str, Recording]) -> None:
    for one in recordings.values():
        assert one.failed == 0
        assert max(one.ready) == max(one.replicas) == scaling(one.load).max_replicas
