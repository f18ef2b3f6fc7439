"""One zone in its cluster: namespace, secrets, the chart's release, and waiting for its pods."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from insurectl.adapters import cluster_record, cluster_values, programs, topology
from insurectl.adapters.cluster_ground import RELEASE, Site
from insurectl.adapters.helm import Helm
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadInput, InsurectlError, TargetNotReady, retold
from insurectl.ports import Clock, Progress
from insurectl.records import RPS, Tuning

LOOK_S = 1.0
HOOKS_WITHIN_S = 300.0  # migrations, and the image that they may have to wait for
UNSCALED_WITHIN_S = 60.0  # KEDA's own work after a ScaledObject is deleted
CUSTOM_METRICS = ("custom.metrics.k8s.io/v1beta2", "custom.metrics.k8s.io/v1beta1")
SECRET, SERVICES = "database", "services"  # the Secrets that the chart is told of
SUPERUSER = "postgres"


def api(site: Site) -> ClusterApi:
    """The cluster that the site stands in; one connection for all who ask."""
    there = site.kubeconfig is not None and site.kubeconfig.is_file()
    written_s = site.kubeconfig.stat().st_mtime if site.kubeconfig and there else 0.0
    return _api(site.context, site.kubeconfig, written_s)


@lru_cache(maxsize=16)
def _api(context: str, kubeconfig: Path | None, _written_s: float) -> ClusterApi:
    """``_written_s``: a cluster that was made anew has another certificate."""
    return ClusterApi(context, kubeconfig)


def release(
    site: Site,
    system: str,
    values: Mapping[str, Any],
    passwords: Mapping[str, str],
    secrets: Mapping[str, str],
    *,
    migrate: bool = True,
) -> None:
    """Bring the site's release to these values; its namespace and Secrets are made when they are
    not there. Returns before its pods are ready. ``secrets``: by which services and people are
    known; none outside the zones. ``migrate``: databases first, as a new version may need it."""
    cluster = api(site)
    cluster.ensure_namespace(site.namespace, site.labels(system))
    # a PostgreSQL that stands elsewhere has its passwords from this machine, or from its owner
    elsewhere = bool(values.get("external", {}).get("postgresql"))
    cluster.ensure_secret(site.namespace, SECRET, passwords, site.labels(system), renew=elsewhere)
    if secrets:  # this machine's: those of a file that follows from others change with them
        cluster.ensure_secret(site.namespace, SERVICES, secrets, site.labels(system), renew=True)
    try:
        Helm(site.context, site.kubeconfig).upgrade_install(
            RELEASE,
            site.namespace,
            cluster_values.chart_folder(),
            fitted(cluster, values),
            HOOKS_WITHIN_S,
            hooks=migrate,
        )
    except TargetNotReady as error:
        told = "\n".join(cluster.why_not_ready(site.namespace))
        raise TargetNotReady(f"{error}\n{told}" if told else str(error)) from error


def diff(site: Site, values: Mapping[str, Any]) -> str:
    """What ``release`` would change in the site's manifests."""
    return Helm(site.context, site.kubeconfig).diff(
        RELEASE, site.namespace, cluster_values.chart_folder(), fitted(api(site), values)
    )


def fitted(cluster: ClusterApi, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values, with what this cluster can tell a plain autoscaler. BadInput where such a one
    is asked to go by requests and nothing tells it of them."""
    services = values.get("services", {}).values()
    asked = [m for one in services for m in (one.get("autoscaling") or {}).get("metrics", ())]
    plain = values.get("autoscaling", {}).get("provider") == "hpa"
    if not plain or all(metric["type"] != "rps" for metric in asked):
        return values
    problems = [problem for one in CUSTOM_METRICS if (problem := cluster.api_problem(one))]
    if len(problems) == len(CUSTOM_METRICS):
        raise BadInput(
            f"context {cluster.context}: a plain HorizontalPodAutoscaler can't go by requests a "
            f"second here, since no adapter tells it of them ({'; '.join(problems)}): install one "
            f"that serves {RPS} of every pod, such as prometheus-adapter, or deploy "
            "with INSURECTL_AUTOSCALER=keda, or ask for memory alone"
        )
    return cluster_values.merged(values, {"autoscaling": {"hpa": {"customMetrics": True}}})


def passwords(state: LocalState, *, superuser: bool) -> dict[str, str]:
    """Role -> password, made when there is none yet."""
    names = list(cluster_values.roles(topology.bundled().services))
    return {
        name: cluster_record.password(state, name)
        for name in ([*names, SUPERUSER] if superuser else names)
    }


def set_replicas(site: Site, tuning: Tuning) -> None:
    """Through the scale subresource, where no autoscaler does it."""
    cluster = api(site)
    fixed = [one for one in tuning.services if one.autoscaling is None]
    if fixed:
        _await_no_autoscaler(cluster, site, [one.service for one in fixed])
    for one in fixed:
        cluster.scale(site.namespace, one.service, one.replicas)


def _await_no_autoscaler(cluster: ClusterApi, site: Site, services: Sequence[str]) -> None:
    """KEDA takes its autoscaler away a moment after its ScaledObject; until then that one would
    undo what we set."""
    until_s = cluster.clock.now() + UNSCALED_WITHIN_S
    targets = {f"Deployment/{name}": name for name in services}
    while left := [one for one in cluster.hpas(site.namespace) if one.target in targets]:
        if cluster.clock.now() > until_s:
            raise TargetNotReady(
                f"{site.namespace}: an autoscaler still scales {left[0].target} "
                f"{UNSCALED_WITHIN_S:.0f} s after it was switched off (HorizontalPodAutoscaler "
                f"{left[0].name}): does KEDA run, or did others make it?"
            )
        cluster.clock.sleep(LOOK_S)


def await_answer(site: Site, timeout_s: float, clock: Clock) -> None:
    """Until the API server answers; TargetNotReady with its last words when it does not."""
    until_s = clock.now() + timeout_s
    while True:
        try:
            api(site).check()
        except TargetNotReady:
            if clock.now() > until_s:
                raise
            programs.go_on()
            clock.sleep(LOOK_S)
        else:
            return


def await_rollout(
    sites: Sequence[Site], timeout_s: float, clock: Clock, progress: Progress
) -> None:
    """Until every pod of every site is ready; TargetNotReady with the reason of each that is
    not when time runs out."""
    until_s = clock.now() + timeout_s
    while waiting := {site: told for site in sites if (told := not_rolled_out(site))}:
        shown = "; ".join(f"{site.namespace}: {', '.join(told)}" for site, told in waiting.items())
        if clock.now() > until_s:
            why = [line for site in waiting for line in api(site).why_not_ready(site.namespace)]
            raise TargetNotReady("\n".join([f"not ready within {timeout_s:.0f} s: {shown}", *why]))
        progress.live(f"waiting for {shown}")
        clock.sleep(LOOK_S)


def not_rolled_out(site: Site) -> list[str]:
    """What has not as many ready pods as it should, with both numbers."""
    cluster = api(site)
    everything = (*cluster.deployments(site.namespace), *cluster.stateful_sets(site.namespace))
    return [f"{one.name} {one.ready}/{one.wanted}" for one in everything if not one.rolled_out]


def at_once(tasks: Sequence[Callable[[], object]]) -> None:
    """Run all at once; when they have ended, what went wrong is raised: every reason in one. Who
    is interrupted waits for no program, and no longer than a look takes for what is looked for."""
    failed: list[InsurectlError] = []
    with ThreadPoolExecutor(max(1, len(tasks))) as pool:
        try:
            for future in [pool.submit(task) for task in tasks]:
                try:
                    future.result()
                except InsurectlError as error:
                    failed.append(error)
        except KeyboardInterrupt:
            with programs.all_stopped():
                pool.shutdown(cancel_futures=True)
            raise
    if failed:
        told = dict.fromkeys(str(error) for error in failed)
        raise retold(failed[0], "\n".join(told)) from failed[0]
