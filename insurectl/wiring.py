"""Settings -> concrete adapters; a dict a port, nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from insurectl.adapters import cluster_record
from insurectl.adapters.clock import SystemClock
from insurectl.adapters.local import LocalTarget
from insurectl.adapters.prometheus import PrometheusMetrics
from insurectl.adapters.run_folder import RunFolder
from insurectl.adapters.scenario_file import scenarios_folder
from insurectl.adapters.write_probe import WriteProbe
from insurectl.adapters.zone_agent import LocalZone
from insurectl.errors import BadInput
from insurectl.ports import Clock, LoadEngine, MetricsSource, Progress, Target, World
from insurectl.records import Deployment
from insurectl.settings import NAMES, Settings
from insurectl.stages.autoscale import Controller

if TYPE_CHECKING:
    from insurectl.adapters.cluster_ground import Groundwork


CHOICES = (  # made at deploy, kept beside the system
    "target", "context", "kubeconfig", "registry", "autoscaler", "addons", "node_image", "expose",
    "external_postgresql", "external_edge", "scrape_interval_s",
)  # fmt: skip


def _local(settings: Settings, clock: Clock) -> Target:
    return LocalTarget(
        settings.name,
        settings.state.absolute(),
        clock,
        scrape_interval_s=settings.scrape_interval_s,
        port_base=settings.port_base,
        slot=settings.slot,
    )


def _kind(settings: Settings, clock: Clock) -> Target:
    from insurectl.adapters.kind import KindGroundwork  # noqa: PLC0415 - only where it is used

    return _cluster(
        settings,
        clock,
        KindGroundwork(
            settings.name,
            clock,
            node_image=settings.node_image,
            addons=settings.addons,
            registry=settings.registry,
            provider=settings.autoscaler,
        ),
    )


def _kubeconfig(settings: Settings, clock: Clock) -> Target:
    from insurectl.adapters.kubeconfig import KubeconfigGroundwork  # noqa: PLC0415 - the same

    return _cluster(
        settings,
        clock,
        KubeconfigGroundwork(
            settings.name,
            settings.context,
            _path(settings.kubeconfig),
            clock,
            registry=settings.registry,
            provider=settings.autoscaler,
            expose=settings.expose,
            external_postgresql=settings.external_postgresql,
            external_edge=settings.external_edge,
        ),
    )


def _cluster(settings: Settings, clock: Clock, groundwork: "Groundwork") -> Target:
    from insurectl.adapters.cluster import ClusterTarget  # noqa: PLC0415 - the same
    from insurectl.adapters.cluster_adopted_target import AdoptedTarget  # noqa: PLC0415 - the same

    folder = settings.state.absolute() / settings.name
    target = AdoptedTarget if cluster_record.is_adopted(folder) else ClusterTarget
    return target(
        settings.name,
        settings.state.absolute(),
        clock,
        groundwork,
        provider=settings.autoscaler,
        scrape_interval_s=settings.scrape_interval_s,
        choices={
            **{name: getattr(settings, name) for name in CHOICES},
            "kubeconfig": f"{_path(settings.kubeconfig) or ''}",
        },
    )


def as_deployed(settings: Settings) -> Settings:
    """What was chosen at deploy holds for the later commands, too, unless they say otherwise."""
    folder = settings.state.absolute() / settings.name
    kept = cluster_record.choices(folder)
    told: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in kept.items()
        if name in CHOICES and settings.origins.get(name) == "default"
    }
    return replace(settings, **told) if told else settings


def adopt(
    settings: Settings, places: Mapping[str, str], *, edge_url: str, partner_keys: Path | None
) -> Deployment:
    """Take up a system that others deployed; ``places``: zone -> namespace."""
    from insurectl.adapters import cluster_adopt  # noqa: PLC0415 - only where it is used
    from insurectl.adapters.local_state import LocalState  # noqa: PLC0415 - the same

    if settings.target != "kubeconfig":
        raise BadInput(
            f"the target is {settings.target}; a system of others is adopted in a cluster that "
            "exists: --target kubeconfig"
        )
    ground = cluster_adopt.ground(places, settings.context, _path(settings.kubeconfig), edge_url)
    return cluster_adopt.adopt(
        LocalState(settings.state.absolute() / settings.name),
        ground,
        now_s=SystemClock().now(),
        clients=settings.clients,
        seed=settings.seed,
        partner_keys=partner_keys,
        choices={
            **{name: getattr(settings, name) for name in CHOICES},
            "kubeconfig": f"{_path(settings.kubeconfig) or ''}",
        },
    )


TARGETS: dict[str, Callable[[Settings, Clock], Target]] = {
    "local": _local,
    "kind": _kind,
    "kubeconfig": _kubeconfig,
}


def _engine(settings: Settings) -> LoadEngine:
    if settings.load_from == "here":
        from insurectl.adapters.locust.engine import LocustEngine  # noqa: PLC0415 - heavy

        return LocustEngine()
    if settings.target == "local":
        raise BadInput("load_from: the target local is no cluster: load is made `here`")
    from insurectl.adapters.cluster_load import LoadFromInside  # noqa: PLC0415 - heavy

    folder = settings.state.absolute() / settings.name
    return LoadFromInside(folder, settings.load_workers, settings.load_worker_cpu)


def _metrics(settings: Settings) -> MetricsSource:
    given = None
    if settings.prometheus_url:
        from insurectl.adapters import prometheus_access  # noqa: PLC0415 - only where it is used

        given = prometheus_access.access(
            settings.prometheus_url,
            token_file=_path(settings.prometheus_token_file),
            ca_file=_path(settings.prometheus_ca_file),
            labels=settings.prometheus_labels,
            matcher=settings.prometheus_matcher,
        )
    if settings.target == "local":
        if given is not None:
            return given.metrics(settings.scrape_interval_s)
        return PrometheusMetrics(settings.scrape_interval_s)
    from insurectl.adapters import cluster_sources  # noqa: PLC0415 - the same

    folder = settings.state.absolute() / settings.name
    return cluster_sources.metrics(folder, settings.scrape_interval_s, given)


def _path(text: str) -> Path | None:
    """Whole, since it is kept and later commands may be called elsewhere."""
    try:
        return Path(text).expanduser().absolute() if text else None
    except RuntimeError as error:
        raise BadInput(f"{text!r} can't be used: {error}") from None


def connect(settings: Settings, progress: Progress) -> World:
    """Everything a stage may touch. BadInput for a target that there is not."""
    settings = as_deployed(settings)
    if settings.target not in TARGETS:
        raise BadInput(f"no target {settings.target!r}; there are: {', '.join(TARGETS)}")
    # only commands need this; the agent of a zone, which is wired here too, does not
    from insurectl.render.report import ReportRenderer  # noqa: PLC0415

    clock = SystemClock()
    return World(
        target=TARGETS[settings.target](settings, clock),
        engine=_engine(settings),
        metrics=_metrics(settings),
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
