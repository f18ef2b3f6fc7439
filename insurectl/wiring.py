"""Settings -> concrete adapters; a dict a port, nothing else."""

from collections.abc import Callable
from pathlib import Path

from insurectl.adapters.clock import SystemClock
from insurectl.adapters.local import LocalTarget
from insurectl.adapters.prometheus import PrometheusMetrics
from insurectl.adapters.run_folder import RunFolder
from insurectl.adapters.scenario_file import scenarios_folder
from insurectl.adapters.write_probe import WriteProbe
from insurectl.adapters.zone_agent import LocalZone
from insurectl.errors import BadInput
from insurectl.ports import Clock, Progress, Target, World
from insurectl.settings import NAMES, Settings
from insurectl.stages.autoscale import Controller


def _local(settings: Settings, clock: Clock) -> Target:
    return LocalTarget(
        settings.name,
        settings.state.absolute(),
        clock,
        scrape_interval_s=settings.scrape_interval_s,
        port_base=settings.port_base,
        slot=settings.slot,
    )


TARGETS: dict[str, Callable[[Settings, Clock], Target]] = {"local": _local}


def connect(settings: Settings, progress: Progress) -> World:
    """Everything a stage may touch. BadInput for a target that there is not."""
    if settings.target not in TARGETS:
        raise BadInput(f"no target {settings.target!r}; there are: {', '.join(TARGETS)}")
    # only commands need these; the agent of a zone, which is wired here too, does not
    from insurectl.adapters.locust.engine import LocustEngine  # noqa: PLC0415
    from insurectl.render.report import ReportRenderer  # noqa: PLC0415

    clock = SystemClock()
    return World(
        target=TARGETS[settings.target](settings, clock),
        engine=LocustEngine(),
        metrics=PrometheusMetrics(settings.scrape_interval_s),
        runs=RunFolder(settings.reports),
        probe=WriteProbe(scenarios_folder() / "probe.yaml"),
        renderer=ReportRenderer(),
        clock=clock,
        progress=progress,
        settings={name: f"{getattr(settings, name)}" for name in NAMES},
        scrape_interval_s=settings.scrape_interval_s,
    )


def zone_controller(state: Path, zone: str) -> Controller:
    """The autoscaler of one zone of a system on this machine."""
    node = LocalZone(state, zone)
    node.serve_metrics()
    return Controller(node, SystemClock())
