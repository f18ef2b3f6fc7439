"""Target ``local``: the whole system as processes on loopback, in one folder.

One supervisord a zone starts its gateway, mesh, Prometheus, agent and replicas; one more
looks after what stands beside the zones (the edge and PostgreSQL).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from insurectl.adapters import (
    address_plan,
    fault_journal,
    local_bring_up,
    local_data,
    local_faults,
    local_logs,
    local_record,
    local_status,
    postgresql,
    process,
    slots,
    topology,
)
from insurectl.adapters.address_plan import AddressPlan
from insurectl.adapters.local_config import LocalConfig
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.system_lock import held
from insurectl.errors import MissingOnMachine, TargetNotReady
from insurectl.ports import Clock, DeployPlan, Progress
from insurectl.records import Cost, Deployment, Fault, SystemStatus, Tuning

PROGRAMS = ("initdb", *process.PACKAGES)
TUNED_WITHIN_S = 120.0  # a broker that starts again needs most of it on a busy machine
SETTLED_S = 2.0  # longer than the checks of edge and mesh take to see that a server is down


@dataclass(frozen=True)
class LocalTarget:
    """``slot``: which 127.K network; None: the first that is free."""

    name: str
    state_root: Path
    clock: Clock
    scrape_interval_s: float = 2.0
    port_base: int = 18000
    slot: int | None = None

    @property
    def state(self) -> LocalState:
        """Its folder."""
        return LocalState(self.state_root.absolute() / self.name)

    def deploy(self, plan: DeployPlan, progress: Progress) -> Deployment:
        """Bring it up, or mend what is there; a new one that fails leaves nothing behind."""
        with process.interrupted_once(), held(self.state.folder, progress, make=True):
            return self._deploy(plan, progress)

    def _deploy(self, plan: DeployPlan, progress: Progress) -> Deployment:
        began_s, before, known = self.clock.now(), self._before(), topology.bundled()
        zones, clients = plan.zones_over(before), plan.clients_over(before)
        tuning = plan.tuning or (before.tuning if before else known.tuning())
        costs = local_record.costs(plan.costs, before, known)
        self._check(tuning, zones)
        if before is None:
            process.require_space(self.state.folder)
        with self._taking_back(new=before is None):
            addresses = slots.settle(self.state, known, zones, self.port_base, self.slot)
            seed = plan.seed_over(self.state.seed() if before else None)
            config = self._config(addresses, tuning, costs, seed)
            changed = config.write()
            with progress.step("PostgreSQL, the edge, and the servers of the zones"):
                local_data.in_parallel(
                    [
                        partial(local_bring_up.start_servers, config, changed),
                        partial(local_bring_up.start_outside, config, changed, self.clock.sleep),
                    ]
                )
            with progress.step("databases, migrations and seed data"):
                local_data.fill(config, clients)
            deployment = local_record.record(self.state, clients, addresses, tuning, costs, began_s)
            self.state.keep(deployment, seed)
            with progress.step(f"services of the zones {', '.join(zones)}"):
                local_bring_up.start_services(config)
                self._await_health(plan.timeout_s)
            deployment = replace(deployment, took_s=self.clock.now() - began_s)
            self.state.keep(deployment, seed)
        return deployment

    def preview(self, plan: DeployPlan) -> tuple[str, ...]:
        before = self._before()
        verb = "mend what is not healthy in" if before else "make"
        return (f"{verb} {self.state.folder}, zones {', '.join(plan.zones_over(before))}",)

    def deployment(self) -> Deployment:
        return self.state.deployment()

    def status(self) -> SystemStatus:
        self.state.deployment()  # nothing to look at when nothing is deployed
        return local_status.look(self.state, self._addresses(), self.clock.now())

    def logs(self, process: str, *, zone: str | None, lines: int, follow: bool) -> Iterator[str]:
        zones = self._addresses().zones if zone is None else (zone,)
        return local_logs.read(
            self.state, zones, process, lines=lines, follow=follow, pause=self.clock.sleep
        )

    def as_set(self, tuning: Tuning) -> Tuning:
        return tuning

    def tune(self, tuning: Tuning, progress: Progress) -> Deployment:
        """The agents read it within a second; limits and replica counts change at once."""
        with held(self.state.folder, progress), progress.step("new settings"):
            after = replace(self.deployment(), tuning=tuning)
            self._check(tuning, self._addresses().zones)
            self.state.keep(after, self.state.seed())
            self._start_zones(after)
            self._await_health(TUNED_WITHIN_S)
        return after

    def inject(self, fault: str, zone: str, progress: Progress) -> Fault:
        self.deployment()
        self._addresses().server(zone, "gateway")  # BadInput for a zone that there is not
        with progress.step(f"{fault} zone {zone}"):
            return local_faults.take_away(self.state, fault, zone, self.clock.now())

    def restore(self, zone: str, progress: Progress) -> Fault:
        with held(self.state.folder, progress), progress.step(f"zone {zone} comes back"):
            deployment = self.deployment()
            self._addresses().server(zone, "gateway")
            fault = local_faults.give_back(self.state, zone)
            ended = fault_journal.end(self.state.folder, fault, self.clock.now())
            self._start_zones(deployment)
            self._await_health(TUNED_WITHIN_S)
        return ended

    def faults(self, start_s: float, end_s: float) -> tuple[Fault, ...]:
        return fault_journal.touching(self.state.folder, start_s, end_s)

    def fault_kinds(self) -> Mapping[str, str]:
        return local_faults.KINDS

    def destroy(self, progress: Progress) -> None:
        """Processes are found by where they run: also what a killed supervisor left behind."""
        with held(self.state.folder, progress), progress.step(f"destroy {self.name}"):
            local_bring_up.clear(self.state)

    def _before(self) -> Deployment | None:
        try:
            return self.deployment()
        except TargetNotReady:
            return None

    def _addresses(self) -> AddressPlan:
        return address_plan.load(self.state.folder)

    def _check(self, tuning: Tuning, zones: tuple[str, ...]) -> None:
        """Everything that can be known to go wrong, before anything starts."""
        for name in PROGRAMS:
            process.program(name)
        known = topology.bundled()
        allowed = known.max_connections - known.reserved_connections
        postgresql.check_connections(tuning, known.databases(), len(zones), allowed)

    @contextmanager
    def _taking_back(self, *, new: bool) -> Iterator[None]:
        try:
            self.state.make()
            yield
        except BaseException as error:
            full = process.is_full(self.state.folder)
            if new:
                local_bring_up.clear(self.state)
            if full and isinstance(error, Exception):
                raise MissingOnMachine(
                    f"no space was left under {self.state.folder}: free some, or set "
                    f"INSURECTL_STATE to a folder on another disk ({error})"
                ) from error
            raise

    def _config(
        self, plan: AddressPlan, tuning: Tuning, costs: Mapping[str, Cost], seed: int
    ) -> LocalConfig:
        return LocalConfig(self.state, plan, tuning, costs, seed, self.scrape_interval_s)

    def _start_zones(self, deployment: Deployment) -> None:
        config = self._config(
            self._addresses(), deployment.tuning, deployment.costs, self.state.seed()
        )
        local_bring_up.start_zones(config, config.write())

    def _await_health(self, timeout_s: float) -> None:
        """Twice: HAProxy takes a server for up until its checks have failed, so the first
        answer after a start may be too kind."""
        for pause_s in (SETTLED_S, 0.0):
            local_bring_up.await_health(self._serving, self.clock.now, self.clock.sleep, timeout_s)
            self.clock.sleep(pause_s)

    def _serving(self) -> SystemStatus:
        """Healthy only once the edge sends people to every zone, too. On a full disk it would
        never be, or not for long."""
        process.require_space(self.state.folder, process.FULL_MIB)
        status = self.status()
        if not status.healthy or local_status.edge_serves_all(self._addresses()):
            return status
        return replace(status, healthy=False, notes=("the edge does not use every zone yet",))
