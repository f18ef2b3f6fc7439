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
from insurectl.ports import Clock, LoadEngine, LoadJob, MetricsSource, Progress, Target, World
from insurectl.records import Deployment, LoadResult, LoadSecond
from insurectl.settings import NAMES, Settings
from insurectl.stages.autoscale import Controller

if TYPE_CHECKING:
    from insurectl.adapters.chart_values import ChartChoices
    from insurectl.adapters.cluster_ground import Groundwork


CHOICES = (  # made at deploy, kept beside the system
    "target", "context", "kubeconfig", "registry", "autoscaler", "addons", "node_image", "expose",
    "external_postgresql", "external_edge", "scrape_interval_s", "chart_values",
    "prometheus_image", "prometheus_url", "prometheus_token_file", "prometheus_ca_file",
    "prometheus_labels", "prometheus_matcher",
)  # fmt: skip
PATHS = ("kubeconfig", "chart_values", "prometheus_token_file", "prometheus_ca_file")
PROMETHEUS = tuple(  # the one that is given
    name for name in CHOICES if name.startswith("prometheus_") and name != "prometheus_image"
)


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
            addons=tuple(_placed(one) for one in settings.addons),
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
            chart=_chart(settings),
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
        choices=_choices(settings),
        chart=_chart(settings),
    )


def _chart(settings: Settings) -> "ChartChoices":
    from insurectl.adapters.chart_values import ChartChoices  # noqa: PLC0415 - only where it is used

    return ChartChoices(
        file=_path(settings.chart_values), prometheus_image=settings.prometheus_image
    )


def _choices(settings: Settings) -> dict[str, object]:
    """Paths whole, since later commands may be called in another folder."""
    return {
        **{name: getattr(settings, name) for name in CHOICES},
        **{name: f"{_path(getattr(settings, name)) or ''}" for name in PATHS},
        "addons": tuple(_placed(one) for one in settings.addons),
    }


def as_deployed(settings: Settings) -> Settings:
    """What was chosen at deploy holds for the later commands, too, unless they say otherwise."""
    folder = settings.state.absolute() / settings.name
    kept = cluster_record.choices(folder)
    if settings.given("prometheus_url") and settings.prometheus_url != kept.get("prometheus_url"):
        # token, certificate and labels are the other Prometheus': none of this one's business
        kept = {name: kept[name] for name in kept if name not in PROMETHEUS}
    told: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in kept.items()
        if name in CHOICES and not settings.given(name)
    }
    return replace(settings, **told) if told else settings


def adopt(
    settings: Settings, places: Mapping[str, str], *, edge_url: str, credentials: Path | None
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
        credentials=credentials,
        choices=_choices(settings),
    )


TARGETS: dict[str, Callable[[Settings, Clock], Target]] = {
    "local": _local,
    "kind": _kind,
    "kubeconfig": _kubeconfig,
}


class _NoCluster:
    """Told when load is to be played, not before: most commands play none."""

    def play(self, job: LoadJob, on_second: Callable[[LoadSecond], None]) -> LoadResult:  # noqa: ARG002 - refused
        raise BadInput("load_from: the target local is no cluster: load is made `here`")


def _engine(settings: Settings) -> LoadEngine:
    if settings.load_from == "here":
        from insurectl.adapters.locust.engine import LocustEngine  # noqa: PLC0415 - heavy

        return LocustEngine()
    if settings.target == "local":
        return _NoCluster()
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


def _placed(addon: str) -> str:
    """``NAME=PLACE`` with a place of this machine made whole; addresses stay as they are."""
    name, separator, place = addon.partition("=")
    return addon if not place or "://" in place else f"{name}{separator}{_path(place)}"


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
