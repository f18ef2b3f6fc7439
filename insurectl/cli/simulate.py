"""``insurectl simulate``: the autoscaler on traffic, without a system."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from insurectl.cli.options import SHARED, RunArgument, ScenarioOption, Session, scenario_of
from insurectl.errors import BadInput

OWN = "Own autoscalers"
APPLICATION = "The application that they scale (with --hpa)"
HpaOption = Annotated[
    list[Path] | None,
    typer.Option("--hpa", help="A HorizontalPodAutoscaler's file; several are compared.",
                 rich_help_panel=OWN),
]  # fmt: skip
TraceOption = Annotated[
    Path | None,
    typer.Option(help="Requests a second: a value a line, or CSV time,rate.", rich_help_panel=OWN),
]
StepOption = Annotated[
    str | None,
    typer.Option(help="How far apart the trace's values are, such as 1s.", rich_help_panel=OWN),
]
ScaleOption = Annotated[
    float, typer.Option(help="The trace's rates times this.", rich_help_panel=OWN)
]
RpsOption = Annotated[
    list[str] | None,
    typer.Option("--rps-metric", help="A metric's name that counts requests a second.",
                 rich_help_panel=OWN),
]  # fmt: skip
PictureOption = Annotated[
    Path | None, typer.Option(help="Draw it into this .png or .svg.", rich_help_panel=OWN)
]

OF_A_RUN = ("scenario", "part", "settings", "zones", "seed")
SHARED_WITH_ALL = ("run", *OF_A_RUN, *SHARED)
OF_ITS_MODEL = ("service_ms", "service_cv", "workers", "slo_ms", "slo_quantile", "startup",
                "memory_floor", "memory_per_rps")  # fmt: skip


def _told(text: str, panel: str = APPLICATION) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=text, rich_help_panel=panel)
    return option


def _refuse_unused(call: typer.Context, run: str | None, own: bool) -> None:
    """BadInput for what was typed and would change nothing."""
    typed = {
        one.name: one.opts[0]
        for one in call.command.params
        if one.name and _is_typed(call, one.name)
    }
    if own:
        _refuse(typed, OF_A_RUN, "not used with --hpa and --trace; leave it away")
        if run is not None:
            _refuse(typed, OF_ITS_MODEL, f"the model of run {run} says that; leave one away")
        return
    others = [name for name in typed if name not in SHARED_WITH_ALL]
    _refuse(typed, others, "only used with --hpa and --trace; give these, or leave it away")


def _is_typed(call: typer.Context, name: str) -> bool:
    source = call.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _refuse(typed: Mapping[str, str], names: Sequence[str], why: str) -> None:
    found = [typed[name] for name in names if name in typed]
    if found:
        raise BadInput(f"{', '.join(found)}: {why}")


def simulate(
    session: Session,
    call: typer.Context,
    run: RunArgument = None,
    scenario: ScenarioOption = None,
    part: Annotated[
        Literal["tune", "verify"], typer.Option(help="Which part of the traffic.")
    ] = "verify",
    settings: Annotated[
        Literal["after", "before"], typer.Option(help="The recommended settings, or the earlier.")
    ] = "after",
    zones: Annotated[int, typer.Option(min=1, help="Zones that share the traffic.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Seed of arrivals and service times.")] = 7,
    hpa: HpaOption = None,
    trace: TraceOption = None,
    step: StepOption = None,
    scale: ScaleOption = 1.0,
    rps_metric: RpsOption = None,
    picture: PictureOption = None,
    cpu_ms: Annotated[float, _told("CPU time of a request (ms).")] = 10.0,
    service_ms: Annotated[
        float | None, _told("Time of a request on an idle replica (ms); else its CPU time.")
    ] = None,
    service_cv: Annotated[float, _told("Its standard deviation over its mean.")] = 1.0,
    workers: Annotated[int, _told("Requests that a replica works on at once.")] = 4,
    cpu_request: Annotated[str, _told("CPU that a pod asks for.")] = "500m",
    cpu_limit: Annotated[str | None, _told("CPU that it gets at most; else no limit.")] = None,
    memory_request: Annotated[str, _told("Memory that a pod asks for.")] = "256Mi",
    memory_floor: Annotated[str, _told("Memory of an idle pod.")] = "128Mi",
    memory_per_rps: Annotated[str, _told("Memory for each request a second.")] = "0",
    memory_per_request: Annotated[str, _told("Memory for each request in flight.")] = "0",
    memory_release: Annotated[
        str, _told("Time constant with which memory is given back, or never.")
    ] = "0s",
    pending: Annotated[str, _told("From the decision to a container that runs.")] = "2s",
    startup: Annotated[str, _told("From there until it is ready.")] = "10s",
    slo_ms: Annotated[float, _told("Latency that requests have to keep (ms).")] = 500.0,
    slo_quantile: Annotated[float, _told("The share of requests whose latency is shown.")] = 0.95,
    scrape: Annotated[str, _told("How often metrics are read.")] = "15s",
    rate_window: Annotated[str, _told("Time that a rate is taken over.")] = "30s",
    metric_lag: Annotated[str, _told("From a read to the autoscaler.")] = "0s",
    sync: Annotated[str, _told("How often the autoscaler looks.")] = "15s",
) -> None:
    """Play traffic against a run's capacity model, or any HorizontalPodAutoscaler on a trace;
    simulated, not measured."""
    _refuse_unused(call, run, own=bool(hpa or trace))
    if hpa or trace:
        from insurectl.cli.simulate_hpa import Asked, simulate_hpa

        asked = Asked(
            hpa=tuple(hpa or ()), trace=trace, step=step, scale=scale,
            rps_metrics=tuple(rps_metric or ()), picture=picture, cpu_ms=cpu_ms,
            service_ms=service_ms, service_cv=service_cv, workers=workers,
            cpu_request=cpu_request, cpu_limit=cpu_limit, memory_request=memory_request,
            memory_floor=memory_floor, memory_per_rps=memory_per_rps,
            memory_per_request=memory_per_request, memory_release=memory_release,
            pending=pending, startup=startup, slo_ms=slo_ms, slo_quantile=slo_quantile,
            scrape=scrape, rate_window=rate_window, metric_lag=metric_lag, sync=sync,
        )  # fmt: skip
        simulate_hpa(session, run, asked)
        return
    from insurectl.records import CapacityModel, Recommendation
    from insurectl.stages import recommend
    from insurectl.stages import simulate as stage

    world = session.world()
    run_id = run or world.runs.latest(Recommendation)
    model = world.runs.read(run_id, CapacityModel)
    advice = world.runs.read(run_id, Recommendation)
    played = scenario_of(world, run_id, scenario)
    traffic = recommend.traffic(played, model, zones, part)
    tuning = advice.after if settings == "after" else advice.before
    scrape_s = session.settings.scrape_interval_s
    session.console.show(stage.simulate(model, tuning, traffic, scrape_s=scrape_s, seed=seed))
