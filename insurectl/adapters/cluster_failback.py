"""Brings back a zone that a fault took away, and up to date with what was put in force since."""

from dataclasses import dataclass

from insurectl.adapters import cluster_record, cluster_tuning, cluster_zone, fault_journal
from insurectl.adapters.cluster_ground import Ground, Groundwork, Site
from insurectl.adapters.cluster_release import Releases
from insurectl.errors import BadInput
from insurectl.ports import Progress
from insurectl.records import Fault

ANSWERS_WITHIN_S = 180.0
SERVES_WITHIN_S = 90.0
UPDATED_WITHIN_S = 180.0
LOOK_S = 1.0
DRAINED = "drain"  # the only fault under which a zone lives on


@dataclass(frozen=True)
class Failback:
    """One zone's way back. Whatever dies on it can be repeated: by ``failback`` while the journal
    says that the zone is away, by ``deploy`` from then on."""

    ground: Ground
    site: Site
    groundwork: Groundwork
    releases: Releases
    progress: Progress

    def end(self, fault: Fault) -> Fault:
        """The fault as it ended: when people were served from the zone again, which may be before
        it is up to date. BadInput for settings of others, which are not overwritten."""
        if fault.kind == DRAINED:  # it can have the new settings before anybody comes
            self._bring_up_to_date("and repeat the failback")
            self.groundwork.give_back(self.ground, fault)
            return self._ended(fault)
        self.groundwork.give_back(self.ground, fault)
        cluster_zone.await_answer(self.site, ANSWERS_WITHIN_S, self.releases.clock)
        ended = None
        if self._serves():
            deployment, folder = self.releases.state.deployment(), self.releases.state.folder
            half_done = cluster_record.intended(folder)
            cluster_record.intend(folder, half_done or deployment.tuning)  # else none would know
            ended = self._ended(fault)
        self._bring_up_to_date(
            "or `insurectl deploy` to put insurectl's own in force again"
            if ended
            else "and repeat the failback"
        )
        return ended or self._ended(fault)

    def _ended(self, fault: Fault) -> Fault:
        return fault_journal.end(self.releases.state.folder, fault, self.releases.clock.now())

    def _serves(self) -> bool:
        """Wait until it does, with the settings that it had; False when it can't with those."""
        until_s = self.releases.clock.now() + SERVES_WITHIN_S
        while told := self._not_yet():
            if self.releases.clock.now() > until_s:
                self.progress.say(f"{told} with the settings that it had; it is given the new ones")
                return False
            self.progress.live(f"waiting: {told}")
            self.releases.clock.sleep(LOOK_S)
        return True

    def _not_yet(self) -> str:
        """Of a node that just came back the API server has the pods as they were, so the edge is
        asked, too; it can tell of all zones at once only."""
        if left := cluster_zone.not_rolled_out(self.site):
            return f"{self.site.namespace}: {', '.join(left)}"
        folder = self.releases.state.folder
        away = {z.zone for z in self.ground.sites if fault_journal.current(folder, z.zone)}
        if away == {self.site.zone} and not self.groundwork.edge_serves_all(self.ground):
            return f"the edge does not use zone {self.site.zone} yet"
        return ""

    def _bring_up_to_date(self, way_out: str) -> None:
        """Of what was put in force while the zone was away it knows nothing. What an earlier call
        left half done in other zones stays noted."""
        state, site = self.releases.state, self.site
        deployment, seed = state.deployment(), state.seed()
        half_done = cluster_record.intended(state.folder)
        if left := cluster_record.left(state.folder, site.zone):
            known = (deployment.tuning, *left, *([half_done] if half_done else ()))
            if told := cluster_tuning.others([site], known):
                raise BadInput(
                    f"zone {site.zone} can't be brought up to date, its settings were changed by "
                    "others:\n" + "\n".join(told) + f"\nnothing was overwritten: set them back, "
                    f"{way_out}"
                )
        tuning, costs = deployment.tuning, deployment.costs
        try:
            self.releases.put_in_force(
                self.ground, (site,), tuning, costs, seed, UPDATED_WITHIN_S, self.progress
            )
        finally:
            if half_done:
                cluster_record.intend(state.folder, half_done)
        if half_done in (None, tuning):
            cluster_record.settled(state, deployment, seed)
        cluster_record.forget_left(state.folder, site.zone)


def site_of(ground: Ground, zone: str) -> Site:
    """BadInput naming the zones that there are."""
    found = ground.site(zone)
    if found is None:
        names = ", ".join(site.zone for site in ground.sites)
        raise BadInput(f"no zone {zone!r}; there are: {names}")
    return found
