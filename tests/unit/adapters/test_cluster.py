"""What a cluster target does around its groundwork, whatever that is: no cluster is asked."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pytest

from insurectl.adapters import cluster_health, cluster_record
from insurectl.adapters.cluster import ClusterTarget
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.cluster_values import Images
from insurectl.errors import BadInput, TargetNotReady
from insurectl.ports import DeployPlan, Progress
from insurectl.records import Deployment, Fault, ProcessStatus, Zone
from tests.fakes import FakeClock, ListProgress, tuning
from tests.unit.adapters.test_system_lock import holder

PLAN = DeployPlan(name="one")
Word = Literal["healthy", "stopped"]


@dataclass
class Groundwork:
    """``did``: what it was asked for; a check or a lay of it ends as ``fails`` says."""

    fails: Mapping[str, BaseException] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)
    edge: Word = "healthy"
    target: str = "kind"

    def check(self, zones: tuple[str, ...], *, new: bool) -> None:
        self._do("check new" if new else "check")

    def preview(self, zones: tuple[str, ...]) -> tuple[str, ...]:
        return ()

    def lay(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> Ground:
        self._do("lay")
        return ground()

    def gateway_urls(self, ground: Ground) -> Mapping[str, str]:
        return {}

    def status(self, ground: Ground) -> tuple[ProcessStatus, ...]:
        return (ProcessStatus(zone="", name="edge", state=self.edge),)

    def edge_serves_all(self, ground: Ground) -> bool:
        return True

    def logs(self, ground: Ground, process: str, lines: int, *, follow: bool) -> Iterator[str]:
        if process != "edge":
            return iter(())
        return (f"{n}" for n in (itertools.count() if follow else range(lines)))

    def fault_kinds(self) -> Mapping[str, str]:
        return {}

    def take_away(self, ground: Ground, kind: str, zone: str) -> None:
        self._do("take_away")

    def give_back(self, ground: Ground, fault: Fault) -> None:
        self._do("give_back")

    def clear(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> None:
        self._do("clear")

    def _do(self, what: str) -> None:
        self.did.append(what)
        if error := self.fails.get(what.removesuffix(" new")):
            raise error


def ground(*zones: str) -> Ground:
    return Ground(
        sites=tuple(Site(zone=zone, context="c", namespace=zone) for zone in zones or ("a", "b")),
        outside=None,
        database=None,
        edge_url="http://e",
        edge_inside="http://i",
        gateways={},
        gateway_urls={},
        images=Images(tag="1"),
    )


@pytest.fixture
def target(tmp_path: Path) -> ClusterTarget:
    return ClusterTarget("one", tmp_path, FakeClock(), Groundwork(), choices={"autoscaler": "keda"})


def work(target: ClusterTarget) -> Groundwork:
    assert isinstance(target.groundwork, Groundwork)
    return target.groundwork


def deployed(target: ClusterTarget, *zones: str) -> None:
    """As a deploy leaves it on this machine."""
    cluster_record.make(target.state)
    cluster_record.keep_ground(target.state.folder, ground(*zones))
    cluster_record.keep_choices(target.state.folder, target.choices)
    record = Deployment(
        name="one", target="kind", deployed_at_s=1.0, took_s=2.0, edge_url="http://e",
        zones=tuple(
            Zone(name=site.zone, gateway_url="", prometheus_url="")
            for site in ground(*zones).sites
        ),
        costs={}, tuning=tuning(), clients=1, credentials_file="", slots={},
    )  # fmt: skip
    cluster_record.settled(target.state, record, 7)


# ---- one call at a time, and what is taken back ----


CALLS: Mapping[str, Callable[[ClusterTarget, Progress], object]] = {
    "deploy": lambda target, progress: target.deploy(PLAN, progress),
    "tune": lambda target, progress: target.tune(tuning(2), progress),
    "restore": lambda target, progress: target.restore("a", progress),
    "destroy": lambda target, progress: target.destroy(progress),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_second_call_that_is_interrupted_leaves_the_first_alone(
    call: Callable[[ClusterTarget, Progress], object], target: ClusterTarget
) -> None:
    cluster_record.make(target.state)  # as far as the first has come
    progress = ListProgress(raise_at="waiting for another insurectl")
    with holder(target.state.folder) as other:
        with pytest.raises(KeyboardInterrupt):
            call(target, progress)
        other.kill()
    assert work(target).did == []
    assert target.state.secrets.exists()


def test_what_is_known_is_read_once_the_first_has_ended(target: ClusterTarget) -> None:
    """A second call that waited for a first deploy must not take it for a new one."""
    progress = ListProgress()
    work(target).fails = {"lay": TargetNotReady("no")}

    def first_ends(text: str) -> None:
        deployed(target)
        assert other.stdin is not None
        other.stdin.close()

    progress.say = first_ends  # type: ignore[method-assign]
    with (
        holder(target.state.folder) as other,
        pytest.raises(TargetNotReady, match="no"),
    ):
        target.deploy(PLAN, progress)
    assert work(target).did == ["check", "lay"]
    assert target.deployment().name == "one"


def test_a_new_one_that_fails_is_taken_back_and_one_that_can_not_be_begins_nothing(
    target: ClusterTarget,
) -> None:
    work(target).fails = {"lay": TargetNotReady("no")}
    with pytest.raises(TargetNotReady):
        target.deploy(PLAN, ListProgress())
    assert work(target).did == ["check new", "lay", "clear"]
    assert not target.state.folder.exists()
    work(target).fails, work(target).did = {"check": BadInput("never")}, []
    with pytest.raises(BadInput):
        target.deploy(PLAN, ListProgress())
    assert work(target).did == ["check new"]
    assert not target.state.folder.exists()


# ---- what an earlier call began, and what can't change ----


def test_what_a_killed_deploy_began_is_gone_on_with(target: ClusterTarget) -> None:
    cluster_record.make(target.state)
    cluster_record.keep_ground(target.state.folder, ground())
    work(target).fails = {"lay": TargetNotReady("no")}
    with pytest.raises(TargetNotReady):
        target.deploy(PLAN, ListProgress())
    assert work(target).did == ["check", "lay", "clear"]


def test_not_with_other_zones(target: ClusterTarget) -> None:
    cluster_record.make(target.state)
    cluster_record.keep_ground(target.state.folder, ground("a", "c"))
    with pytest.raises(BadInput, match=r"with zones a, c: destroy it first"):
        target.deploy(replace(PLAN, zones=("a", "b")), ListProgress())
    assert work(target).did == []


@pytest.mark.parametrize("name", ["deploy", "tune"])
def test_the_autoscaler_of_what_stands_can_not_be_exchanged(
    name: str, target: ClusterTarget
) -> None:
    deployed(target)
    other = replace(target, provider="hpa", choices={"autoscaler": "hpa"})
    with pytest.raises(BadInput, match=r"autoscaler keda.* to hpa .*leave INSURECTL_AUTOSCALER"):
        CALLS[name](other, ListProgress())
    assert work(target).did == []
    assert cluster_record.choices(target.state.folder) == {"autoscaler": "keda"}


def test_choices_of_a_deploy_that_fails_do_not_stay(target: ClusterTarget) -> None:
    deployed(target)
    work(target).fails = {"lay": TargetNotReady("no")}
    bad = replace(target, choices={"autoscaler": "keda", "registry": "nowhere.example.org"})
    with pytest.raises(TargetNotReady):
        bad.deploy(PLAN, ListProgress())
    assert cluster_record.choices(target.state.folder) == {"autoscaler": "keda"}


def test_those_of_a_first_one_are_kept_at_once_since_destroy_needs_them(
    target: ClusterTarget,
) -> None:
    seen: list[Mapping[str, object]] = []
    work(target).fails = {"lay": TargetNotReady("no")}
    work(target).clear = lambda *_: seen.append(  # type: ignore[method-assign]
        cluster_record.choices(target.state.folder)
    )
    with pytest.raises(TargetNotReady):
        target.deploy(PLAN, ListProgress())
    assert seen == [{"autoscaler": "keda"}]


# ---- looking ----


@pytest.mark.parametrize(("word", "well"), [("healthy", True), ("stopped", False)])
def test_a_container_that_was_stopped_is_not_well(word: Word, well: bool) -> None:
    found = ProcessStatus(zone="", name="postgresql", state=word)
    assert (cluster_health.ill([found]) == []) == well


def test_waiting_for_health_ends_with_what_is_not_well() -> None:
    groundwork = Groundwork(edge="stopped")
    with pytest.raises(TargetNotReady, match=r"not healthy within 5 s: outside/edge stopped"):
        cluster_health.wait(
            ground(), (), groundwork, timeout_s=5.0, clock=FakeClock(), progress=ListProgress()
        )


def test_the_log_of_what_stands_outside_is_followed_line_by_line(target: ClusterTarget) -> None:
    deployed(target)
    followed = target.logs("edge", zone=None, lines=2, follow=True)
    assert list(itertools.islice(followed, 3)) == ["0", "1", "2"]
    assert list(target.logs("edge", zone=None, lines=2, follow=False)) == ["0", "1"]


def test_settings_that_are_half_in_force_are_told(target: ClusterTarget) -> None:
    deployed(target)
    cluster_record.keep_ground(target.state.folder, replace(ground(), sites=()))
    assert not target.status().half_done
    assert target.status().healthy
    cluster_record.intend(target.state.folder, tuning(2))
    status = target.status()
    assert (status.half_done, status.healthy) == (True, False)
    assert "`insurectl deploy` ends it" in status.notes[0]
