"""A tuning on a real API server: put in force through the chart, read back, changed by others, half
done. Pods are kwok's and KEDA is its definitions only: what is tested is what the objects say."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from insurectl.adapters import (
    cluster_data,
    cluster_record,
    cluster_tuning,
    cluster_values,
    cluster_zone,
    topology,
)
from insurectl.adapters.chart_values import ChartChoices
from insurectl.adapters.cluster import ClusterTarget
from insurectl.adapters.cluster_ground import RELEASE, Site
from insurectl.adapters.cluster_values import DatabasePlace, Images, Provider, Values
from insurectl.adapters.helm import Helm
from insurectl.adapters.kubernetes_api import ClusterApi, Conflict
from insurectl.errors import BadInput, TargetNotReady
from insurectl.ports import DeployPlan
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    RPS,
    Autoscaling,
    MetricTarget,
    ScalingPolicy,
    ScalingRules,
    ServiceTuning,
    Tuning,
)
from tests.cluster import metrics_server
from tests.cluster.conftest import LABELS, ControlPlane
from tests.cluster.plane_ground import PlaneGroundwork, target
from tests.fakes import ListProgress

pytestmark = pytest.mark.cluster
CUSTOM = "custom.metrics.k8s.io"
PLAN = DeployPlan(name="tuned", clients=10, timeout_s=60.0)
MEMORY = MetricTarget(kind="Resource", name="memory", utilization_percent=75)
REQUESTS = MetricTarget(kind="Pods", name=RPS, average_value=12.5)
THIRDS = MetricTarget(kind="Pods", name=RPS, average_value=100 / 3)
SLOW_DOWN = ScalingRules(
    stabilization_window_s=120,
    policies=(
        ScalingPolicy(kind="Pods", value=1, period_s=60),
        ScalingPolicy(kind="Percent", value=10, period_s=30),
    ),
    select_policy="Min",
    tolerance=0.05,
)
NEVER = ScalingRules(
    stabilization_window_s=0, policies=KUBERNETES_SCALE_DOWN.policies, select_policy="Disabled"
)


def autoscaled(
    *metrics: MetricTarget, low: int = 1, high: int = 6, **rules: ScalingRules
) -> Autoscaling:
    given: dict[str, Any] = {
        "scale_up": KUBERNETES_SCALE_UP,
        "scale_down": KUBERNETES_SCALE_DOWN,
        **rules,
    }
    return Autoscaling(min_replicas=low, max_replicas=high, metrics=metrics, **given)


def tuned(
    autoscaling: Autoscaling | None, *, request: float = 200, limit: float = 300, **more: Any
) -> Tuning:
    """``autoscaling`` of core-app; the others are fixed."""
    core = ServiceTuning(
        service="core-app",
        replicas=2,
        memory_request_mib=request,
        memory_limit_mib=limit,
        autoscaling=autoscaling,
    )
    others = (
        replace(one, replicas=1, autoscaling=None)
        for one in topology.bundled().tuning().services
        if one.service != "core-app"
    )
    return Tuning(services=(core, *others), **more)


TUNINGS = {
    "memory": tuned(autoscaled(MEMORY)),
    "requests": tuned(autoscaled(REQUESTS, low=2, high=9)),
    "both, with rules": tuned(
        autoscaled(MEMORY, REQUESTS, scale_up=NEVER, scale_down=SLOW_DOWN),
        partner_per_minute=77,
        zone_rps=42.5,
    ),
    "numbers that no quantity holds": tuned(
        autoscaled(THIRDS), request=512 / 3, limit=2048.3456, zone_rps=100 / 3
    ),
    "none": tuned(None),
}


@pytest.fixture
def custom_metrics(cluster: ClusterApi, tmp_path: Path) -> Iterator[None]:
    """An API server's view of a prometheus-adapter."""
    with metrics_server.serving(cluster, tmp_path) as numbers:
        registered = metrics_server._manifests(numbers.server_port)[-1]
        spec = {**registered["spec"], "group": CUSTOM, "version": "v1beta2"}
        name = f"v1beta2.{CUSTOM}"
        cluster.apply({**registered, "metadata": {"name": name}, "spec": spec})
        deadline = cluster.clock.now() + 30
        while problem := cluster.api_problem(f"{CUSTOM}/v1beta2"):
            assert cluster.clock.now() < deadline, problem
            cluster.clock.sleep(0.2)
        yield
        cluster.delete("apiregistration.k8s.io/v1", "APIService", "", name)


@pytest.fixture
def site(control_plane: ControlPlane, namespace: str) -> Site:
    return Site(
        zone="a",
        context=control_plane.context,
        namespace=namespace,
        kubeconfig=control_plane.kubeconfig,
    )


def values(tuning: Tuning, provider: Provider) -> Values:
    """Without migrations, for which each release would wait."""
    known = topology.bundled()
    place = cluster_values.zone_values(
        known,
        system="test",
        zone="a",
        number=0,
        images=Images(tag="1"),
        costs=known.costs(),
        seed=7,
        database=DatabasePlace(host="db.example.org"),
        provider=provider,
        scrape_interval_s=2.0,
        gateway={"type": "ClusterIP"},
    )
    whole = cluster_values.merged(place, cluster_values.overlay(tuning))
    return cluster_values.merged(whole, {"migrations": {"enabled": False}})


def release(site: Site, tuning: Tuning, provider: Provider = "keda") -> None:
    cluster_zone.release(site, LABELS["insurectl.system"], values(tuning, provider), {"x": "y"}, {})


def replicas(cluster: ClusterApi, namespace: str, service: str = "core-app") -> int:
    found = cluster.get("apps/v1", "Deployment", namespace, service)
    assert found is not None
    return int(found["spec"]["replicas"])


# ---- what is asked for is in force, and read back ----


@pytest.mark.parametrize("tuning", TUNINGS.values(), ids=TUNINGS)
def test_a_tuning_that_was_put_in_force_by_keda_reads_back_as_it_was_asked_for(
    tuning: Tuning, site: Site, keda: None
) -> None:
    release(site, tuning)
    cluster_zone.set_replicas(site, tuning)
    cluster_tuning.refuse_others([site], [tuning])
    live = cluster_tuning.in_force(cluster_zone.api(site), site.namespace, tuning)
    wanted = tuning.of("core-app").autoscaling
    there = live["services"]["core-app"].get("autoscaling")
    assert (there is None) == (wanted is None)
    if wanted is not None:
        assert (there["min"], there["max"]) == (wanted.min_replicas, wanted.max_replicas)


@pytest.mark.parametrize("tuning", TUNINGS.values(), ids=TUNINGS)
def test_so_does_one_by_a_plain_autoscaler_where_the_cluster_tells_it_of_requests(
    tuning: Tuning, site: Site, custom_metrics: None
) -> None:
    release(site, tuning, "hpa")
    cluster_zone.set_replicas(site, tuning)
    cluster_tuning.refuse_others([site], [tuning])


def test_each_tuning_differs_from_each_other_in_the_objects(
    site: Site, keda: None, cluster: ClusterApi
) -> None:
    release(site, TUNINGS["memory"])
    for name, tuning in TUNINGS.items():
        if name != "memory":
            with pytest.raises(BadInput, match=r"core-app"):
                cluster_tuning.refuse_others([site], [tuning])


def test_a_plain_autoscaler_is_not_asked_to_go_by_requests_that_nobody_tells_it_of(
    site: Site, cluster: ClusterApi
) -> None:
    for call in (
        lambda: release(site, TUNINGS["requests"], "hpa"),
        lambda: cluster_tuning.must_fit([site], "hpa", TUNINGS["requests"]),
    ):
        with pytest.raises(
            BadInput, match=r"(?s)requests a second.*http_requests.*AUTOSCALER=keda"
        ):
            call()
    assert cluster.get("apps/v1", "Deployment", site.namespace, "core-app") is None
    cluster_tuning.must_fit([site], "hpa", TUNINGS["memory"])
    cluster_tuning.must_fit([site], "keda", TUNINGS["requests"])


def test_settings_that_the_chart_refuses_are_told_before_anything_is_noted(site: Site) -> None:
    with pytest.raises(BadInput, match=r"requestMib \(300\) is above limitMib \(200\)"):
        cluster_tuning.must_fit([site], "keda", tuned(None, request=300, limit=200))


# ---- who scales keeps the number ----


def test_an_upgrade_leaves_the_replicas_to_who_scales(
    site: Site, cluster: ClusterApi, keda: None
) -> None:
    release(site, TUNINGS["memory"])
    cluster.scale(site.namespace, "core-app", 3)
    release(site, TUNINGS["both, with rules"])
    assert replicas(cluster, site.namespace) == 3


def test_switching_the_autoscaler_off_and_on_again_never_goes_back_to_one_replica(
    site: Site, cluster: ClusterApi, keda: None
) -> None:
    release(site, TUNINGS["memory"])
    cluster.scale(site.namespace, "core-app", 3)
    for name in ("none", "requests"):
        release(site, TUNINGS[name])
        assert replicas(cluster, site.namespace) == 3, name


@pytest.mark.parametrize("server_side", ["true", "false"], ids=["as Helm 4", "as Helm 3"])
def test_so_does_an_upgrade_by_others_with_the_tuning_that_insurectl_keeps(
    server_side: str, site: Site, cluster: ClusterApi, keda: None, tmp_path: Path
) -> None:
    tuning = TUNINGS["both, with rules"]
    release(site, tuning)
    cluster.scale(site.namespace, "core-app", 3)
    overlay = cluster_record.keep_overlay(tmp_path, cluster_values.overlay(tuning))
    base = tmp_path / "base.yaml"
    base.write_text(yaml.safe_dump(values(TUNINGS["none"], "keda")))
    chart = cluster_values.chart_folder()
    command = ["helm", "upgrade", RELEASE, f"{chart}", "-f", f"{base}", "-f", f"{overlay}"]
    command += ["--set", "gateway.replicas=2", "--namespace", site.namespace]
    command += ["--kube-context", site.context, "--kubeconfig", f"{site.kubeconfig}"]
    if Helm(site.context, site.kubeconfig).version >= (4, 0):
        command += [f"--server-side={server_side}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert replicas(cluster, site.namespace, "gateway") == 2
    assert replicas(cluster, site.namespace) == 3
    cluster_tuning.refuse_others([site], [tuning])


def test_fixed_replicas_wait_until_no_autoscaler_would_undo_them(
    site: Site, cluster: ClusterApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(site, TUNINGS["memory"], "hpa")
    monkeypatch.setattr(cluster_zone, "UNSCALED_WITHIN_S", 0.0)
    with pytest.raises(TargetNotReady, match=r"still scales Deployment/core-app"):
        cluster_zone.set_replicas(site, TUNINGS["none"])
    release(site, TUNINGS["none"], "hpa")
    monkeypatch.undo()
    cluster_zone.set_replicas(site, TUNINGS["none"])
    assert replicas(cluster, site.namespace) == 2


# ---- a whole system, in two namespaces ----


@pytest.fixture(scope="module")
def system(
    control_plane: ControlPlane,
    cluster: ClusterApi,
    node: str,
    keda: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClusterTarget]:
    """Deployed once; each test leaves it as it was."""
    found = target("tuned", control_plane, tmp_path_factory.mktemp("state"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster_data, "fill", lambda *_: None)  # kwok's pods run no command
        found.deploy(PLAN, ListProgress())
        yield found
    for site in sites(found):
        cluster.delete("v1", "Namespace", "", site.namespace)


def sites(found: ClusterTarget) -> tuple[Site, ...]:
    assert isinstance(found.groundwork, PlaneGroundwork)
    return found.groundwork.sites()


Edit = Callable[[str, str, str, Callable[[Any], object]], None]


@pytest.fixture
def edit(system: ClusterTarget, cluster: ClusterApi) -> Iterator[Edit]:
    """``edit(version, kind, name, change)`` in zone b, as ``kubectl edit`` does; undone
    afterwards."""
    namespace, undo = sites(system)[1].namespace, []

    def put(found: dict[str, Any]) -> None:
        place = cluster._place(found)
        for _ in range(20):
            meta = cluster.read(place)["metadata"]
            for key in ("resourceVersion", "managedFields"):
                found["metadata"][key] = meta[key]
            try:
                cluster.send("PUT", place, found, {"fieldManager": "kubectl-edit"})
            except Conflict:  # a controller wrote its status in between
                continue
            return
        raise AssertionError(f"{place} changes too often")

    def make(version: str, kind: str, name: str, change: Callable[[Any], object]) -> None:
        found = cluster.get(version, kind, namespace, name)
        assert found is not None
        before = cluster.get(version, kind, namespace, name)
        assert before is not None
        undo.append(before)
        change(found)
        put(found)

    yield make
    for before in reversed(undo):
        put(before)


SCALED = ("keda.sh/v1alpha1", "ScaledObject", "core-app")
DEPLOYED = ("apps/v1", "Deployment", "core-app")


def resources(deployment: Any) -> Any:
    return deployment["spec"]["template"]["spec"]["containers"][0]["resources"]


def told_of(cluster: ClusterApi, what: tuple[str, str, str]) -> object:
    """What people say in an object of zone b, without what controllers note."""
    found = cluster.get(*what[:2], "insure-tuned-b", what[2])
    assert found is not None
    return found.get("spec") or found["data"]


def config(text: str) -> Callable[[Any], object]:
    return lambda found: found["data"].update({"values.json": text})


OTHERS: Mapping[str, tuple[tuple[str, str, str], Callable[[Any], object], str]] = {
    "fewer at least": (
        SCALED,
        lambda found: found["spec"].update(minReplicaCount=3),
        r"autoscaling\.min is 3, insurectl set 1",
    ),
    "more at most": (
        SCALED,
        lambda found: found["spec"].update(maxReplicaCount=30),
        r"autoscaling\.max is 30, insurectl set 6",
    ),
    "at least taken away": (
        SCALED,
        lambda found: found["spec"].pop("minReplicaCount"),
        r"autoscaling\.min is None, insurectl set 1",
    ),
    "another target": (
        SCALED,
        lambda found: found["spec"]["triggers"][0]["metadata"].update(value="55"),
        r"utilizationPercent is 55, insurectl set 80",
    ),
    "a trigger of theirs": (
        SCALED,
        lambda found: found["spec"]["triggers"].append(
            {
                "type": "cron",
                "metadata": {
                    **{"timezone": "UTC", "start": "0 8 * * *", "end": "0 18 * * *"},
                    "desiredReplicas": "4",
                },
            }
        ),
        r"metrics\.1\.type is cron, insurectl set absent",
    ),
    "a rule taken away": (
        SCALED,
        lambda found: found["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"][
            "scaleUp"
        ]["policies"].pop(),
        r"scaleUp\.policies\.1\.type is absent, insurectl set Pods",
    ),
    "no rules at all": (
        SCALED,
        lambda found: found["spec"].pop("advanced"),
        r"behavior is None, insurectl set absent",
    ),
    "a memory limit": (
        DEPLOYED,
        lambda found: resources(found)["limits"].update(memory="1Gi"),
        r"memory\.limitMib is 1024, insurectl set 320",
    ),
    "no memory limit": (
        DEPLOYED,
        lambda found: resources(found)["limits"].pop("memory"),
        r"memory\.limitMib is None, insurectl set 320",
    ),
    "the gateway's limit": (
        ("v1", "ConfigMap", "gateway"),
        config('{"partner_per_minute": 99, "zone_rps": null}'),
        r"limits\.partnerPerMinute is 99, insurectl set 10",
    ),
    "a gateway nobody can read": (
        ("v1", "ConfigMap", "gateway"),
        config("partner_per_minute: 99"),
        r"limits is unreadable",
    ),
}


@pytest.mark.parametrize(("what", "change", "told"), OTHERS.values(), ids=OTHERS)
def test_what_others_changed_is_named_and_not_overwritten(
    what: tuple[str, str, str],
    change: Callable[[Any], object],
    told: str,
    system: ClusterTarget,
    cluster: ClusterApi,
    edit: Edit,
) -> None:
    in_force = system.deployment().tuning
    cluster_tuning.refuse_others(sites(system), [in_force])
    edit(*what[:2], what[2], change)
    before = told_of(cluster, what)
    with pytest.raises(BadInput, match=rf"(?s)insure-tuned-b: .*{told}") as refused:
        system.tune(replace(in_force, partner_per_minute=11), ListProgress())
    assert "insure-tuned-a:" not in str(refused.value)
    assert system.deployment().tuning == in_force
    assert told_of(cluster, what) == before
    assert cluster_record.intended(system.state.folder) is None


def test_a_number_that_others_set_is_noticed_where_insurectl_fixed_it(
    system: ClusterTarget, cluster: ClusterApi
) -> None:
    before = system.deployment().tuning
    fixed = before.replacing(replace(before.of("core-app"), replicas=2, autoscaling=None))
    system.tune(fixed, ListProgress())
    assert [replicas(cluster, site.namespace) for site in sites(system)] == [2, 2]
    cluster.scale("insure-tuned-a", "core-app", 4)
    with pytest.raises(
        BadInput, match=r"tuned-a: services.core-app.replicas is 4, insurectl set 2"
    ):
        system.tune(before, ListProgress())
    cluster.scale("insure-tuned-a", "core-app", 2)
    system.tune(before, ListProgress())
    cluster.scale("insure-tuned-a", "core-app", 5)  # as the autoscaler does
    cluster_tuning.refuse_others(sites(system), [before])
    cluster.scale("insure-tuned-a", "core-app", 1)


def test_an_object_that_is_not_there_can_not_be_overwritten(
    system: ClusterTarget, cluster: ClusterApi
) -> None:
    in_force = system.deployment().tuning
    nowhere = replace(sites(system)[0], namespace="insure-tuned-nowhere")
    cluster_tuning.refuse_others([nowhere], [in_force])
    cluster.delete(*SCALED[:2], "insure-tuned-b", "client-info")
    cluster_tuning.refuse_others(sites(system), [in_force])
    system.deploy(PLAN, ListProgress())
    assert cluster.get(*SCALED[:2], "insure-tuned-b", "client-info") is not None


def test_a_deploy_puts_insurectls_own_in_force_again(
    system: ClusterTarget, cluster: ClusterApi, edit: Edit
) -> None:
    in_force = system.deployment().tuning
    edit(*SCALED, lambda found: found["spec"].update(maxReplicaCount=30))
    edit(*DEPLOYED, lambda found: resources(found)["limits"].update(memory="1Gi"))
    system.deploy(PLAN, ListProgress())
    cluster_tuning.refuse_others(sites(system), [in_force])


# ---- values of the chart that others set, or the user chose ----


def helm(site: Site, *arguments: str) -> str:
    """As somebody else would."""
    place = ("--namespace", site.namespace, "--kube-context", site.context)
    command = ["helm", *arguments, *place, "--kubeconfig", f"{site.kubeconfig}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_others(site: Site, *sets: str) -> None:
    given = [word for one in sets for word in ("--set", one)]
    upgrade = ("upgrade", RELEASE, f"{cluster_values.chart_folder()}", "--reuse-values")
    # what the edits of earlier tests left their name on is taken over
    four = Helm(site.context, site.kubeconfig).version >= (4, 0)
    over = ("--server-side=true", "--force-conflicts") if four else ()
    helm(site, *upgrade, "--no-hooks", *over, *given)


def told_to(site: Site) -> Values:
    return Helm(site.context, site.kubeconfig).values(RELEASE, site.namespace)


def test_values_that_others_set_are_refused_and_kept_and_a_deploy_sets_them_back(
    system: ClusterTarget, cluster: ClusterApi
) -> None:
    before, site = system.deployment().tuning, sites(system)[1]
    by_others(site, "gateway.replicas=3", "prometheus.retention=1d", "zone=b")
    in_force = told_to(site)
    for tuning in (replace(before, partner_per_minute=11), before):
        with pytest.raises(BadInput, match=r"(?s)gateway\.replicas is 3.*chart_values") as refused:
            system.tune(tuning, ListProgress())
        assert (
            "insure-tuned-b: prometheus.retention is 1d, insurectl sent absent"
            in f"{refused.value}"
        )
        assert "tuned-a:" not in f"{refused.value}"
        assert ": zone" not in f"{refused.value}"
    assert told_to(site) == in_force
    assert cluster_record.intended(system.state.folder) is None

    progress = ListProgress()
    system.deploy(PLAN, progress)
    (warned,) = progress.of("warn")
    assert "insure-tuned-b: gateway.replicas is 3, insurectl sent absent" in warned
    assert "replicas" not in told_to(site)["gateway"]
    assert replicas(cluster, site.namespace, "gateway") == 1
    progress = ListProgress()
    system.deploy(PLAN, progress)
    assert progress.of("warn") == []


def test_a_deploy_says_what_it_sets_back_in_the_objects(system: ClusterTarget, edit: Edit) -> None:
    edit(*SCALED, lambda found: found["spec"].update(maxReplicaCount=30))
    progress = ListProgress()
    system.deploy(PLAN, progress)
    (warned,) = progress.of("warn")
    assert "insure-tuned-b: services.core-app.autoscaling.max is 30, insurectl set 6" in warned


def test_a_release_of_an_earlier_insurectl_is_asked_for_keys_that_it_would_not_set(
    system: ClusterTarget,
) -> None:
    before, site = system.deployment().tuning, sites(system)[1]
    for kept in system.state.folder.glob("values-sent-*.json"):
        kept.unlink()
    by_others(site, "gateway.replicas=3")
    with pytest.raises(BadInput, match=r"gateway\.replicas is 3, insurectl does not set it"):
        system.tune(before, ListProgress())
    helm(site, "rollback", RELEASE, "--no-hooks")
    system.tune(replace(before, partner_per_minute=11), ListProgress())
    system.tune(before, ListProgress())


def test_what_the_user_chose_is_in_force_and_stays_so(
    system: ClusterTarget, cluster: ClusterApi, tmp_path: Path
) -> None:
    before, site = system.deployment().tuning, sites(system)[1]
    file = tmp_path / "chart.yaml"
    file.write_text("gateway: {replicas: 3}\n")
    chosen = replace(
        system, chart=ChartChoices(file=file, prometheus_image="mirror.example:5000/prom:v9")
    )
    by_others(site, "gateway.replicas=3")  # the same: nobody's change is lost
    chosen.tune(replace(before, partner_per_minute=11), ListProgress())
    chosen.tune(before, ListProgress())
    for one in sites(system):
        assert replicas(cluster, one.namespace, "gateway") == 3
    prometheus = cluster.get("apps/v1", "Deployment", site.namespace, "prometheus")
    assert prometheus is not None
    images = [one["image"] for one in prometheus["spec"]["template"]["spec"]["containers"]]
    assert images == ["mirror.example:5000/prom:v9"]
    system.deploy(PLAN, ListProgress())
    assert replicas(cluster, site.namespace, "gateway") == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("- a", r"chart.yaml:1: it has to be values", id="no mapping"),
        pytest.param("a: 1", r"does not take these values with .*chart.yaml.*'a'", id="unknown"),
        pytest.param(
            "zone: a\ngateway:\n  replicas: many", r"chart.yaml:3: .*does not take this", id="type"
        ),
        pytest.param(
            "services:\n  core-app:\n    memory: {limitMib: 999}",
            r"chart.yaml:3: services.core-app.memory.limitMib is 999 here, insurectl sets 320",
            id="what insurectl sets",
        ),
    ],
)
def test_values_of_the_user_that_can_not_be_are_refused_before_anything_is_done(
    text: str, told: str, system: ClusterTarget, tmp_path: Path
) -> None:
    file = tmp_path / "chart.yaml"
    file.write_text(text)
    chosen, in_force = replace(system, chart=ChartChoices(file=file)), told_to(sites(system)[0])
    for call in (
        lambda: chosen.deploy(PLAN, ListProgress()),
        lambda: chosen.tune(system.deployment().tuning, ListProgress()),
        lambda: replace(chosen, name="new").deploy(PLAN, ListProgress()),
    ):
        with pytest.raises(BadInput, match=rf"(?s){told}"):
            call()
    assert told_to(sites(system)[0]) == in_force
    assert cluster_record.intended(system.state.folder) is None
    assert not (system.state_root / "new").exists()


# ---- what died in the middle ----


def half_done(system: ClusterTarget, at: str) -> Tuning:
    """A tuning that was interrupted; what it was meant to put in force."""
    before = system.deployment().tuning
    per_minute = before.partner_per_minute + 1
    wanted = replace(before, partner_per_minute=per_minute).replacing(
        replace(before.of("core-app"), memory_limit_mib=before.of("core-app").memory_limit_mib + 8)
    )
    with pytest.raises(KeyboardInterrupt):
        system.tune(wanted, ListProgress(raise_at=at))
    assert system.deployment().tuning == before
    status = system.status()
    assert not status.healthy
    assert "half in force" in status.notes[0]
    return wanted


@pytest.mark.parametrize("at", ["the chart in", "pods"])
def test_the_next_deploy_ends_what_died_in_the_middle(at: str, system: ClusterTarget) -> None:
    wanted = half_done(system, at)
    assert system.deploy(PLAN, ListProgress()).tuning == wanted
    cluster_tuning.refuse_others(sites(system), [wanted])
    assert system.status().healthy


@pytest.mark.parametrize("at", ["the chart in", "pods"])
def test_a_tuning_after_one_that_died_accepts_both_states(
    at: str, system: ClusterTarget, cluster: ClusterApi
) -> None:
    before = system.deployment().tuning
    half_done(system, at)
    system.tune(before, ListProgress())
    cluster_tuning.refuse_others(sites(system), [before])
    assert system.status().healthy


def test_after_one_that_died_what_others_changed_is_noticed_still(
    system: ClusterTarget, edit: Edit
) -> None:
    before = system.deployment().tuning
    half_done(system, "pods")
    edit(*SCALED, lambda found: found["spec"].update(maxReplicaCount=30))
    with pytest.raises(BadInput, match=r"autoscaling\.max is 30"):
        system.tune(before, ListProgress())


def test_and_can_be_ended_once_it_is_set_back(system: ClusterTarget) -> None:
    system.deploy(PLAN, ListProgress())
    assert cluster_record.intended(system.state.folder) is None


def test_settings_that_can_not_be_are_no_half_done_ones(system: ClusterTarget) -> None:
    before = system.deployment().tuning
    bad = before.replacing(replace(before.of("core-app"), memory_limit_mib=1))
    with pytest.raises(BadInput, match=r"is above limitMib \(1\)"):
        system.tune(bad, ListProgress())
    assert cluster_record.intended(system.state.folder) is None
    assert system.status().healthy
