"""Targets ``kind`` and ``kubeconfig``: the same chart in one cluster or namespace a zone.

What the zones stand on differs and is the groundwork's; all else is alike.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from insurectl.adapters import (
    cluster_data,
    cluster_logs,
    cluster_record,
    cluster_status,
    cluster_tuning,
    cluster_zone,
    fault_journal,
    local_record,
    process,
    topology,
)
from insurectl.adapters.cluster_ground import Ground, Groundwork, Site
from insurectl.adapters.cluster_release import Releases
from insurectl.adapters.cluster_values import Provider
from insurectl.adapters.local_state import LocalState, locked
from insurectl.errors import BadInput, InsurectlError, TargetNotReady, retold
from insurectl.ports import Clock, DeployPlan, Progress
from insurectl.records import Deployment, Fault, SystemStatus, Tuning

DEFAULT_SEED = 7
TUNED_WITHIN_S = 180.0
LOOK_S = 1.0


@dataclass(frozen=True)
class ClusterTarget:
    """``provider``: what makes the HorizontalPodAutoscalers; ``choices``: settings that later
    commands take up again."""

    name: str
    state_root: Path
    clock: Clock
    groundwork: Groundwork
    provider: Provider = "keda"
    scrape_interval_s: float = 2.0
    choices: Mapping[str, object] = field(default_factory=dict)

    @property
    def state(self) -> LocalState:
        """Its folder on this machine."""
        return LocalState(self.state_root.absolute() / self.name)

    def deploy(self, plan: DeployPlan, progress: Progress) -> Deployment:
        """Bring it up, or mend what is there; a new one that fails leaves nothing behind."""
        began_s, before, known = self.clock.now(), self._before(), topology.bundled()
        self._same_zones(before, plan.zones)
        half_done = cluster_record.intended(self.state.folder)
        tuning = cluster_tuning.as_clusters_do(
            plan.tuning or half_done or (before.tuning if before else known.tuning())
        )
        costs = local_record.costs(plan.costs, before, known)
        seed = plan.seed
        if seed is None:
            seed = self.state.seed() if before else DEFAULT_SEED
        self.groundwork.check(plan.zones, new=before is None)
        with (
            process.interrupted_once(),
            self._taking_back(plan.zones, progress, new=before is None),
            locked(self.state.folder),
        ):
            ground = self.groundwork.lay(plan.zones, self.state.folder, progress)
            cluster_record.keep_ground(self.state.folder, ground)
            cluster_record.keep_choices(self.state.folder, self.choices)
            here, target = self._here(ground), self.groundwork.target
            self._releases.put_in_force(
                ground, here, tuning, costs, seed, plan.timeout_s, progress, migrate=True
            )
            ground = replace(ground, gateway_urls=self.groundwork.gateway_urls(ground))
            cluster_record.keep_ground(self.state.folder, ground)
            deployment = cluster_record.deployment(
                self.state, target, ground, plan.clients, tuning, costs, began_s
            )
            with progress.step("seed data"):
                cluster_data.fill(here[0], self.state, known, plan.clients, seed)
            self._await_health(plan.timeout_s, progress)
            deployment = replace(deployment, took_s=self.clock.now() - began_s)
            cluster_record.settled(self.state, deployment, seed)
        return deployment

    def preview(self, plan: DeployPlan) -> tuple[str, ...]:
        """The difference of the manifests in each zone that is there."""
        before = self._before()
        if before is None:
            return self.groundwork.preview(plan.zones)
        ground, seed = self._ground(), self.state.seed() if plan.seed is None else plan.seed
        tuning = cluster_tuning.as_clusters_do(plan.tuning or before.tuning)
        told = []
        for site in self._here(ground):
            values = self._releases.values(ground, site, tuning, before.costs, seed)
            told += [f"namespace {site.namespace} ({site.context}):"]
            told += cluster_zone.diff(site, values).splitlines() or ["nothing would change"]
        return tuple(told)

    def deployment(self) -> Deployment:
        cluster_record.check_target(self.state, self.groundwork.target)
        return self.state.deployment()

    def status(self) -> SystemStatus:
        deployment, ground, now_s = self.deployment(), self._ground(), self.clock.now()
        processes = (
            *self.groundwork.status(ground),
            *cluster_status.look(ground.sites, now_s),
        )
        away = [z.zone for z in ground.sites if fault_journal.current(self.state.folder, z.zone)]
        half_done = cluster_record.intended(self.state.folder) is not None
        notes = ("new settings are half in force: `insurectl deploy` ends it",) if half_done else ()
        well = all(one.state in ("healthy", "stopped") for one in processes)
        return SystemStatus(
            name=deployment.name,
            target=deployment.target,
            at_s=now_s,
            healthy=well and not away and not half_done,
            edge_url=ground.edge_url,
            processes=processes,
            notes=notes,
        )

    def logs(self, process: str, *, zone: str | None, lines: int, follow: bool) -> Iterator[str]:
        ground = self._ground()
        if zone is None:
            found = list(self.groundwork.logs(ground, process, lines, follow=follow))
            if found:
                return iter(found)
        sites = [site for site in ground.sites if zone in (None, site.zone)]
        if not sites:
            raise BadInput(f"no zone {zone!r}; there are: {_names(ground)}")
        return cluster_logs.read(sites, process, lines=lines, follow=follow)

    def as_set(self, tuning: Tuning) -> Tuning:
        return cluster_tuning.as_clusters_do(tuning)

    def tune(self, tuning: Tuning, progress: Progress) -> Deployment:
        """Through Helm, so that the next upgrade by anybody starts from it; refuses when others
        changed in the meantime what it would overwrite."""
        before = self.deployment()
        after = replace(before, tuning=cluster_tuning.as_clusters_do(tuning))
        with process.interrupted_once(), locked(self.state.folder):
            ground = self._ground()
            half_done = cluster_record.intended(self.state.folder)
            known = (before.tuning, *([half_done] if half_done else ()))
            cluster_tuning.refuse_others(self._here(ground), known)
            seed = self.state.seed()
            self._releases.put_in_force(
                ground,
                self._here(ground),
                after.tuning,
                after.costs,
                seed,
                TUNED_WITHIN_S,
                progress,
            )
            self._await_health(TUNED_WITHIN_S, progress)
            cluster_record.settled(self.state, after, seed)
        return after

    def fault_kinds(self) -> Mapping[str, str]:
        return self.groundwork.fault_kinds()

    def inject(self, fault: str, zone: str, progress: Progress) -> Fault:
        self.deployment()
        ground, folder = self._ground(), self.state.folder
        self._must_have(ground, zone)
        kinds = self.fault_kinds()
        if fault not in kinds:
            raise BadInput(
                f"the target {self.groundwork.target} can't do {fault!r}; "
                f"it can do: {', '.join(kinds)}"
            )
        fault_journal.must_be_there(folder, zone)
        begun = Fault(zone=zone, kind=fault, began_s=self.clock.now(), detail=kinds[fault])
        fault_journal.begin(folder, begun)  # before: what dies halfway is found and given back
        with progress.step(f"{fault} zone {zone}"):
            self.groundwork.take_away(ground, fault, zone)
        return begun

    def restore(self, zone: str, progress: Progress) -> Fault:
        self.deployment()
        ground, folder = self._ground(), self.state.folder
        self._must_have(ground, zone)
        with progress.step(f"zone {zone} comes back"), locked(folder):
            fault = fault_journal.must_be_away(folder, zone)
            self.groundwork.give_back(ground, fault)
            self._bring_up_to_date(ground, zone, progress)
            ended = fault_journal.end(folder, fault, self.clock.now())
            self._await_health(TUNED_WITHIN_S, progress)
        return ended

    def faults(self, start_s: float, end_s: float) -> tuple[Fault, ...]:
        return fault_journal.touching(self.state.folder, start_s, end_s)

    def destroy(self, progress: Progress) -> None:
        """Only what insurectl made: by its labels, never by a name alone."""
        cluster_record.check_target(self.state, self.groundwork.target)
        before = self._before()
        zones = tuple(zone.name for zone in before.zones) if before else ()
        with progress.step(f"destroy {self.name}"):
            self.groundwork.clear(zones, self.state.folder, progress)
            cluster_record.remove(self.state)

    # ---- parts of the above ----

    def _before(self) -> Deployment | None:
        try:
            return self.deployment()
        except TargetNotReady:
            return None

    def _ground(self) -> Ground:
        return cluster_record.ground(self.state.folder)

    def _here(self, ground: Ground) -> tuple[Site, ...]:
        """The zones that no fault has taken away; TargetNotReady when none is left."""
        folder = self.state.folder
        here = tuple(s for s in ground.sites if fault_journal.current(folder, s.zone) is None)
        if not here:
            raise TargetNotReady("every zone is away: `insurectl failback --zone` gives one back")
        return here

    def _same_zones(self, before: Deployment | None, zones: tuple[str, ...]) -> None:
        if before and (there := tuple(zone.name for zone in before.zones)) != zones:
            raise BadInput(
                f"{self.name} is deployed with zones {', '.join(there)}: destroy it first to "
                "deploy it with others"
            )

    def _must_have(self, ground: Ground, zone: str) -> None:
        if ground.site(zone) is None:
            raise BadInput(f"no zone {zone!r}; there are: {_names(ground)}")

    def _bring_up_to_date(self, ground: Ground, zone: str, progress: Progress) -> None:
        """Of what was put in force while the zone was away it knows nothing."""
        deployment, site = self.state.deployment(), ground.site(zone)
        assert site is not None
        cluster_zone.await_answer(site, TUNED_WITHIN_S, self.clock)
        tuning, costs, seed = deployment.tuning, deployment.costs, self.state.seed()
        self._releases.put_in_force(ground, (site,), tuning, costs, seed, TUNED_WITHIN_S, progress)
        cluster_record.settled(self.state, deployment, seed)

    @property
    def _releases(self) -> Releases:
        return Releases(self.name, self.state, self.clock, self.provider, self.scrape_interval_s)

    @contextmanager
    def _taking_back(
        self, zones: tuple[str, ...], progress: Progress, *, new: bool
    ) -> Iterator[None]:
        try:
            cluster_record.make(self.state)
            yield
        except BaseException as error:
            if new:
                self._take_back(zones, progress, error)
            raise

    def _take_back(self, zones: tuple[str, ...], progress: Progress, error: BaseException) -> None:
        """What went wrong first is what is told, also when not all can be taken back."""
        try:
            self.groundwork.clear(zones, self.state.folder, progress)
        except InsurectlError as left:
            if not isinstance(error, InsurectlError):
                progress.warn(f"not all could be taken back: {left}")
                return
            raise retold(error, f"{error}\nand not all could be taken back: {left}") from error
        cluster_record.remove(self.state)

    def _await_health(self, timeout_s: float, progress: Progress) -> None:
        """Until status is healthy and the edge uses every zone that is not away."""
        ground, until_s = self._ground(), self.clock.now() + timeout_s
        while True:
            told = self._ill(ground)
            if not told:
                return
            if self.clock.now() > until_s:
                raise TargetNotReady(f"not healthy within {timeout_s:.0f} s: {told}")
            progress.live(f"waiting: {told}")
            self.clock.sleep(LOOK_S)

    def _ill(self, ground: Ground) -> str:
        here = self._here(ground)
        processes = (*self.groundwork.status(ground), *cluster_status.look(here, self.clock.now()))
        ill = [p for p in processes if p.state not in ("healthy", "stopped")]
        if ill:
            return "; ".join(f"{p.zone or 'outside'}/{p.name} {p.state} {p.detail}" for p in ill)
        if len(here) == len(ground.sites) and not self.groundwork.edge_serves_all(ground):
            return "the edge does not use every zone yet"
        return ""


def _names(ground: Ground) -> str:
    return ", ".join(site.zone for site in ground.sites)
