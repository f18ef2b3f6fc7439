"""Deployment + scenario -> LoadResult: drive the load, trigger the timed faults."""

import ipaddress
from collections.abc import Sequence
from math import isfinite
from urllib.parse import urlsplit

from insurectl.errors import BadInput, TargetNotReady
from insurectl.planning.workload import MAX_ARRIVALS, MAX_RPS, MAX_USERS, scenario_rates
from insurectl.ports import LoadJob, World
from insurectl.records import LoadResult, LoadSecond, Scenario
from insurectl.stages.deploy import settle
from insurectl.stages.observe import observe
from insurectl.stages.recording import recorded
from insurectl.stages.timed_faults import TimedFaults


def load(
    world: World,
    scenario: Scenario,
    *,
    base_url: str | None = None,
    allow_hosts: Sequence[str] = (),
    processes: int = 1,
    seed: int | None = None,
    scale: float = 1.0,
) -> LoadResult:
    """Play a scenario in a run of its own, observe it, and write its report."""
    if base_url is not None:
        check_host(base_url, allow_hosts)
        if scenario.faults:
            raise BadInput(
                f"{scenario.path}: its faults are for a system that insurectl deployed, so it "
                "can't be played against another address"
            )
    else:
        _check_adopted(world, scenario, allow_hosts)
    scaled_rates(scenario, scale)  # what is too much never begins
    seed = scenario.seed if seed is None else seed
    with recorded(world, "load", scenario.name, seed=seed) as recording:
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
    return result


def _check_adopted(world: World, scenario: Scenario, allow_hosts: Sequence[str]) -> None:
    """A system that others deployed is put under load as any address is: asked for by name."""
    try:
        deployment = world.target.deployment()
    except TargetNotReady:
        return  # the run that is begun tells it
    if not deployment.adopted:
        return
    check_host(deployment.edge_url, allow_hosts)
    if scenario.faults:
        raise BadInput(
            f"{scenario.path}: it takes zones away, and {deployment.name} was deployed by others"
        )


def play_and_observe(
    world: World,
    scenario: Scenario,
    run_id: str,
    *,
    base_url: str | None = None,
    processes: int = 1,
    seed: int | None = None,
    scale: float = 1.0,
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
        rates=scaled_rates(scenario, scale),
        scale=scale,
        seed=scenario.seed if seed is None else seed,
        processes=processes,
        credentials_file=deployment.credentials_file if deployment else "",
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
    credentials_file: str,
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
        credentials_file=credentials_file,
    )
    faults = TimedFaults(world, scenario.faults)
    began_s: float | None = None

    def second(told: LoadSecond) -> None:
        nonlocal began_s
        began_s = told.at_s if began_s is None else began_s
        world.progress.live(_live(scenario, told, told.at_s - began_s))
        faults.passed(told.at_s - began_s + 1)  # a second is told of when it is over

    try:
        result = world.engine.play(job, second)
    finally:
        faults.finish()
    world.runs.write(run_id, result)
    return result


def scaled_rates(scenario: Scenario, scale: float) -> tuple[float, ...]:
    """The scenario's own load times ``scale``; BadInput beyond what any load may be."""
    if not isfinite(scale) or scale <= 0:
        raise BadInput(f"--scale {scale:g}: wanted is a number above 0")
    rates = scenario_rates(scenario, part="tune", scale=scale)
    is_open = scenario.model == "open"
    most, what = (MAX_RPS, "arrivals/s") if is_open else (MAX_USERS, "users")
    if max(rates) > most:
        raise BadInput(
            f"--scale {scale:g} makes it {max(rates):,.0f} {what} at the peak, the most is {most:,}"
        )
    if is_open and sum(rates) > MAX_ARRIVALS:
        raise BadInput(
            f"--scale {scale:g} makes it {sum(rates):,.0f} arrivals, the most is {MAX_ARRIVALS:,}; "
            "play it in parts"
        )
    return rates


def check_host(base_url: str, allow_hosts: Sequence[str]) -> None:
    """Load on what insurectl did not deploy, off loopback, must be asked for by name."""
    host = _host(base_url)
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback and host not in {name.strip("[]").lower() for name in allow_hosts}:
        raise BadInput(
            f"{host} is not on this machine, and insurectl did not deploy it; if it is yours to "
            f"load, say so with --allow-host {host}"
        )


def _host(base_url: str) -> str:
    """Only what every client reads alike: no user, no query, and nothing but a port behind."""
    try:
        parts = urlsplit(base_url)
        good = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        good = False
    if good and parts.hostname and not set("@?#\\ \t\r\n") & set(base_url):
        return parts.hostname
    raise BadInput(f"{base_url!r} is no address such as http://127.0.0.1:8080")


def _live(scenario: Scenario, second: LoadSecond, at_s: float) -> str:
    p95 = "-" if second.p95_ms is None else f"{second.p95_ms:.0f} ms"
    return (
        f"{scenario.name}  {at_s:4.0f} s  due {second.scheduled}/s  "
        f"ok {second.ok}/s  failed {second.failed}/s  p95 {p95}"
    )
