"""Target ``kubeconfig`` for a system that others deployed and insurectl only adopted: it is looked
at and tuned; whatever else a target can do is refused with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from insurectl.adapters import cluster_adopted, cluster_record, process
from insurectl.adapters.cluster import TUNED_WITHIN_S, ClusterTarget
from insurectl.adapters.cluster_adopted import refuse
from insurectl.adapters.local_state import locked
from insurectl.ports import DeployPlan, Progress
from insurectl.records import Deployment, Fault, SystemStatus, Tuning

HALF_DONE = "new settings are half in force: `insurectl apply` ends it, `insurectl rollback` undoes"


@dataclass(frozen=True)
class AdoptedTarget(ClusterTarget):
    """As it is for a system of ours where nothing is changed."""

    def deploy(self, plan: DeployPlan, progress: Progress) -> Deployment:  # noqa: ARG002 - refused
        raise refuse("deploy it")

    def preview(self, plan: DeployPlan) -> tuple[str, ...]:  # noqa: ARG002 - refused
        raise refuse("deploy it")

    def status(self) -> SystemStatus:
        status = super().status()
        return replace(status, notes=(HALF_DONE,)) if status.notes else status

    def as_set(self, tuning: Tuning) -> Tuning:
        before = self.deployment().tuning
        return cluster_adopted.as_set(self.state.folder, before, super().as_set(tuning))

    def tune(self, tuning: Tuning, progress: Progress) -> Deployment:
        """By server-side apply, of these fields alone; refuses what others changed since, and
        what their objects can't take."""
        before = self.deployment()
        after = replace(before, tuning=self.as_set(tuning))
        folder = self.state.folder
        with process.interrupted_once(), locked(folder):
            cluster_adopted.put_in_force(
                folder,
                cluster_record.ground(folder),
                before.tuning,
                after.tuning,
                within_s=TUNED_WITHIN_S,
                clock=self.clock,
                progress=progress,
            )
            cluster_record.settled(self.state, after, self.state.seed())
        return after

    def fault_kinds(self) -> Mapping[str, str]:
        raise refuse("take a zone away")

    def inject(self, fault: str, zone: str, progress: Progress) -> Fault:  # noqa: ARG002 - refused
        raise refuse("take a zone away")

    def restore(self, zone: str, progress: Progress) -> Fault:  # noqa: ARG002 - refused
        raise refuse("give a zone back")

    def destroy(self, progress: Progress) -> None:
        """Forget it: no setting changes, and every field that insurectl set is its former owner's
        again."""
        folder = self.state.folder
        with locked(folder):
            cluster_adopted.let_all_go(folder, cluster_record.ground(folder), progress)
        cluster_record.remove(self.state)
        progress.warn(
            f"{self.name} is only forgotten: what runs, runs on with the settings that are in "
            "force (`insurectl rollback` before would have put the earlier ones back)"
        )
