"""Targets ``kind`` and ``kubeconfig``: the same chart in one cluster or namespace a zone.

What the zones stand on differs and is the groundwork's; all else is alike.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from insurectl.adapters import (
    cluster_data,
    cluster_health,
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
from insurectl.adapters.chart_values import ChartChoices
from insurectl.adapters.cluster_failback import Failback, site_of
from insurectl.adapters.cluster_ground import Ground, Groundwork, Site
from insurectl.adapters.cluster_release import Releases
from insurectl.adapters.cluster_take_back import taking_back
from insurectl.adapters.cluster_values import Provider
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.system_lock import held
from insurectl.errors import BadInput, TargetNotReady
from insurectl.ports import Clock, DeployPlan, Progress
from insurectl.records import Deployment, Fault, SystemStatus, Tuning

TUNED_WITHIN_S = 180.0


@dataclass(frozen=True)
class ClusterTarget:
    """``provider``: what makes the HorizontalPodAutoscalers; ``choices``: settings that later
    commands take up again; ``chart``: what the user chose of the chart's values."""

    name: str
    state_root: Path
    clock: Clock
    groundwork: Groundwork
    provider: Provider = "keda"
    scrape_interval_s: float = 2.0
    choices: Mapping[str, object] = field(default_factory=dict)
    chart: ChartChoices = field(default_factory=ChartChoices)

    @property
    def state(self) -> LocalState:
        """Its folder on this machine."""
        return LocalState(self.state_root.absolute() / self.name)

    def deploy(self, plan: DeployPlan, progress: Progress) -> Deployment:
        """Bring it up, or mend what is there; a new one that fails leaves nothing behind."""
        with process.interrupted_once(), held(self.state.folder, progress, make=True):
            return self._deploy(plan, progress)

    def _deploy(self, plan: DeployPlan, progress: Progress) -> Deployment:
        began_s, before, known = self.clock.now(), self._before(), topology.bundled()
        begun = before is None and (self.state.folder / cluster_record.GROUND).exists()
        if begun and plan.zones is None:
            plan = replace(plan, zones=tuple(site.zone for site in self._ground().sites))
        zones, clients = plan.zones_over(before), plan.clients_over(before)
        self._same_zones(zones)
        self._same_autoscaler()
        half_done = cluster_record.intended(self.state.folder)
        tuning = cluster_tuning.as_clusters_do(
            plan.tuning or half_done or (before.tuning if before else known.tuning())
        )
        costs = local_record.costs(plan.costs, before, known)
        seed = plan.seed_over(self.state.seed() if before else None)
        # what an earlier call began and could not end is this system's own, too
        self.groundwork.check(zones, new=before is None and not begun)
        if self.chart.file is not None:
            self._releases.check(tuning)
        with taking_back(self.state, self.groundwork, zones, progress, new=before is None):
            if before is None:  # destroy must know where what is begun stands
                cluster_record.keep_choices(self.state.folder, self.choices)
            ground = self.groundwork.lay(zones, self.state.folder, progress)
            self._keep_begun(ground, new=before is None)
            here, target = self._here(ground), self.groundwork.target
            self._releases.put_in_force(
                ground, here, tuning, costs, seed, plan.timeout_s, progress, migrate=True
            )
            ground = replace(ground, gateway_urls=self.groundwork.gateway_urls(ground))
            cluster_record.keep_ground(self.state.folder, ground)
            deployment = cluster_record.deployment(
                self.state, target, ground, clients, tuning, costs, began_s
            )
            with progress.step("seed data"):
                cluster_data.fill(here[0], self.state, known, clients, seed)
            self._await_health(plan.timeout_s, progress)
            deployment = replace(deployment, took_s=self.clock.now() - began_s)
            cluster_record.settled(self.state, deployment, seed)
            cluster_record.keep_choices(self.state.folder, self.choices)
        return deployment

    def preview(self, plan: DeployPlan) -> tuple[str, ...]:
        """The difference of the manifests in each zone that is there."""
        before = self._before()
        if before is None:
            return self.groundwork.preview(plan.zones_over(None))
        self._same_autoscaler()
        ground, seed = self._ground(), plan.seed_over(self.state.seed())
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
        return SystemStatus(
            name=deployment.name,
            target=deployment.target,
            at_s=now_s,
            healthy=not cluster_health.ill(processes) and not away and not half_done,
            edge_url=ground.edge_url,
            processes=processes,
            notes=notes,
            half_done=half_done,
        )

    def logs(self, process: str, *, zone: str | None, lines: int, follow: bool) -> Iterator[str]:
        ground = self._ground()
        if zone is None:
            found = iter(self.groundwork.logs(ground, process, lines, follow=follow))
            for first in found:  # one line tells that it is there; a stream that follows never ends
                return chain((first,), found)
        sites = [site for site in ground.sites if zone in (None, site.zone)]
        if not sites:
            raise BadInput(f"no zone {zone!r}; there are: {_names(ground)}")
        return cluster_logs.read(sites, process, lines=lines, follow=follow)

    def as_set(self, tuning: Tuning) -> Tuning:
        return cluster_tuning.as_clusters_do(tuning)

    def tune(self, tuning: Tuning, progress: Progress) -> Deployment:
        """Through Helm, so that the next upgrade by anybody starts from it; refuses when others
        changed in the meantime what it would overwrite."""
        with process.interrupted_once(), held(self.state.folder, progress):
            before, ground = self.deployment(), self._ground()
            after = replace(before, tuning=cluster_tuning.as_clusters_do(tuning))
            self._same_autoscaler()
            cluster_tuning.refuse_others(self._here(ground), self._in_force())
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
        site_of(ground, zone)
        kinds = self.fault_kinds()
        if fault not in kinds:
            raise BadInput(
                f"the target {self.groundwork.target} can't do {fault!r}; "
                f"it can do: {', '.join(kinds)}"
            )
        fault_journal.must_be_there(folder, zone)
        cluster_record.leave(folder, zone, self._in_force())
        begun = Fault(zone=zone, kind=fault, began_s=self.clock.now(), detail=kinds[fault])
        fault_journal.begin(folder, begun)  # before: what dies halfway is found and given back
        with progress.step(f"{fault} zone {zone}"):
            self.groundwork.take_away(ground, fault, zone)
        return begun

    def restore(self, zone: str, progress: Progress) -> Fault:
        folder = self.state.folder
        with held(folder, progress), progress.step(f"zone {zone} comes back"):
            self.deployment()
            ground = self._ground()
            site, fault = site_of(ground, zone), fault_journal.must_be_away(folder, zone)
            self._same_autoscaler()
            way = Failback(ground, site, self.groundwork, self._releases, progress)
            ended = way.end(fault)
            self._await_health(TUNED_WITHIN_S, progress)
        return ended

    def faults(self, start_s: float, end_s: float) -> tuple[Fault, ...]:
        return fault_journal.touching(self.state.folder, start_s, end_s)

    def destroy(self, progress: Progress) -> None:
        """Only what insurectl made: by its labels, never by a name alone."""
        with held(self.state.folder, progress), progress.step(f"destroy {self.name}"):
            cluster_record.check_target(self.state, self.groundwork.target)
            before = self._before()
            zones = tuple(zone.name for zone in before.zones) if before else ()
            self.groundwork.clear(zones, self.state.folder, progress)
            cluster_record.remove(self.state)

    # ---- parts of the above ----

    def _keep_begun(self, ground: Ground, *, new: bool) -> None:
        """What `destroy` must know is kept at once; what later commands would deploy again (the
        choices, the images) only once it serves, so that a bad one does not stay."""
        if not new:
            ground = replace(ground, images=self._ground().images)
        cluster_record.keep_ground(self.state.folder, ground)

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

    def _same_zones(self, zones: tuple[str, ...]) -> None:
        if not (self.state.folder / cluster_record.GROUND).exists():
            return
        there = tuple(site.zone for site in self._ground().sites)
        if there != zones:
            raise BadInput(
                f"{self.name} is deployed with zones {', '.join(there)}: destroy it first to "
                "deploy it with others"
            )

    def _same_autoscaler(self) -> None:
        """Helm can't take over what KEDA owns, nor KEDA what Helm made."""
        there = cluster_record.choices(self.state.folder).get("autoscaler", self.provider)
        if there != self.provider:
            raise BadInput(
                f"{self.name} is deployed with the autoscaler {there}, and its autoscalers can't "
                f"change hands to {self.provider} while it stands: leave INSURECTL_AUTOSCALER "
                "out, or `insurectl destroy` and deploy it anew"
            )

    def _in_force(self) -> tuple[Tuning, ...]:
        """What insurectl itself put in force; two where a call died in between."""
        half_done = cluster_record.intended(self.state.folder)
        return (self.deployment().tuning, *([half_done] if half_done else ()))

    @property
    def _releases(self) -> Releases:
        return Releases(
            self.name, self.state, self.clock, self.provider, self.scrape_interval_s, self.chart
        )

    def _await_health(self, timeout_s: float, progress: Progress) -> None:
        ground, clock = self._ground(), self.clock
        cluster_health.wait(
            ground,
            self._here(ground),
            self.groundwork,
            timeout_s=timeout_s,
            clock=clock,
            progress=progress,
        )


def _names(ground: Ground) -> str:
    return ", ".join(site.zone for site in ground.sites)
