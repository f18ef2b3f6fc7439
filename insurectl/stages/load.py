"""Deployment + scenario -> LoadResult: drive the load, trigger the timed faults."""

import ipaddress
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from insurectl.errors import BadInput, InsurectlError
from insurectl.planning.workload import scenario_rates
from insurectl.ports import LoadJob, World
from insurectl.records import LoadResult, LoadSecond, PlannedFault, Scenario
from insurectl.stages.deploy import settle
from insurectl.stages.observe import observe
from insurectl.stages.recording import recorded
from insurectl.stages.report import report


def load(
    world: World,
    scenario: Scenario,
    *,
    base_url: str | None = None,
    allow_hosts: Sequence[str] = (),
    processes: int = 1,
    seed: int | None = None,
    scale: float | None = None,
) -> LoadResult:
    """Play a scenario in a run of its own, observe it, and write its report."""
    if base_url is not None:
        check_host(base_url, allow_hosts)
    with recorded(world, "load", scenario.name, seed=seed or scenario.seed) as recording:
        world.runs.write(recording.run_id, scenario)
        result = play_and_observe(
            world,
            scenario,
            recording.run_id,
            base_url=base_url,
            processes=processes,
            seed=seed,
            scale=scale,
        )
        recording.outcome = result.outcome
    report(world, result.run_id)
    return result


def play_and_observe(
    world: World,
    scenario: Scenario,
    run_id: str,
    *,
    base_url: str | None = None,
    processes: int = 1,
    seed: int | None = None,
    scale: float | None = None,
) -> LoadResult:
    """Put the scenario's settings in force, play it, and pull what the servers saw; with a
    ``base_url`` only play: there is nothing of ours to set or to read."""
    deployment = None if base_url else settle(world, scenario)
    if deployment is not None:
        world.runs.write(run_id, deployment)
    result = play(
        world,
        scenario,
        run_id,
        base_url=deployment.edge_url if deployment else str(base_url),
        rates=scenario_rates(scenario, part="tune", scale=scale or 1.0),
        scale=scale or 1.0,
        seed=scenario.seed if seed is None else seed,
        processes=processes,
        partner_keys_file=deployment.partner_keys_file if deployment else "",
    )
    if deployment is not None:
        observe(world, run_id)
    return result


def play(
    world: World,
    scenario: Scenario,
    run_id: str,
    *,
    base_url: str,
    rates: Sequence[float],
    seed: int,
    processes: int,
    partner_keys_file: str,
    scale: float = 1.0,
) -> LoadResult:
    """Play into a run that was begun; the scenario's faults come at their times."""
    job = LoadJob(
        run_id=run_id,
        scenario=scenario,
        base_url=base_url,
        rates=rates,
        seed=seed,
        scale=scale,
        folder=world.runs.folder(run_id),
        processes=processes,
        partner_keys_file=partner_keys_file,
    )
    faults = _TimedFaults(world, scenario.faults)
    began_s = world.clock.now()
    try:
        result = world.engine.play(job, lambda second: _live(world, scenario, second, began_s))
    finally:
        faults.finish()
    world.runs.write(run_id, result)
    return result


def check_host(base_url: str, allow_hosts: Sequence[str]) -> None:
    """Load on what insurectl did not deploy, off loopback, must be asked for by name."""
    host = urlsplit(base_url).hostname
    if not host:
        raise BadInput(f"{base_url!r} is no address such as http://127.0.0.1:8080")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback and host not in allow_hosts:
        raise BadInput(
            f"{host} is not on this machine, and insurectl did not deploy it; if it is yours to "
            f"load, say so with --allow-host {host}"
        )


def _live(world: World, scenario: Scenario, second: LoadSecond, began_s: float) -> None:
    p95 = "-" if second.p95_ms is None else f"{second.p95_ms:.0f} ms"
    world.progress.live(
        f"{scenario.name}  {second.at_s - began_s:4.0f} s  due {second.scheduled}/s  "
        f"ok {second.ok}/s  failed {second.failed}/s  p95 {p95}"
    )


class _TimedFaults:
    """Injects and restores beside the load; an error there is raised when the load ends."""

    def __init__(self, world: World, faults: Sequence[PlannedFault]) -> None:
        self._world, self._error = world, None  # type: tuple[World, InsurectlError | None]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._one, args=(fault,)) for fault in faults]
        for thread in self._threads:
            thread.start()

    def _one(self, fault: PlannedFault) -> None:
        target, progress = self._world.target, self._world.progress
        try:
            if self._over.wait(fault.at_s):
                return
            target.inject(fault.kind, fault.zone, progress)
            if fault.until_s is not None:
                self._over.wait(fault.until_s - fault.at_s)
                target.restore(fault.zone, progress)
        except InsurectlError as error:
            self._error = error

    def finish(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self._error is not None:
            raise self._error
