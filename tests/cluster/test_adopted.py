"""Systems that others deployed, on a real API server: read, tuned, brought back to the letter."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from insurectl.adapters import cluster_adopted, cluster_record
from insurectl.adapters.cluster_held import set_to
from insurectl.cli import app
from insurectl.errors import BadInput, TargetNotReady
from insurectl.ports import DeployPlan, Target, World
from insurectl.records import Autoscaling, MetricTarget, Tuning
from tests.cluster.conftest import CRDS, ControlPlane
from tests.cluster.others import ZONES, Others, owned, values
from tests.cluster.test_chart import Programs
from tests.fakes import ListProgress
from tests.unit.chart.rendered import objects
from tests.unit.chart.variants import BEHAVIOR

pytestmark = [
    pytest.mark.cluster,
    *(
        pytest.mark.skipif(shutil.which(one) is None, reason=f"{one} is not on PATH")
        for one in ("helm", "kubectl")
    ),
]
TUNED = ("Deployment/core-app", "Deployment/gateway", "ConfigMap/gateway")
NAMED = {"keda": "ScaledObject/core-app", "hpa": "HorizontalPodAutoscaler/core-app"}
SCALERS = {"keda": "scaledobject/core-app", "hpa": "horizontalpodautoscaler/core-app"}


@pytest.fixture(scope="module")
def programs(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory, keda: str
) -> Iterator[Programs]:
    found = Programs(control_plane, tmp_path_factory.mktemp("adopted"))
    found.kubectl("apply", "--server-side", "-f", "-", told=keda)
    found.kubectl("wait", "--for=condition=Established", *(f"crd/{one}" for one in CRDS))
    yield found
    found.kubectl("delete", *(f"crd/{one}" for one in CRDS))


@pytest.fixture(scope="module")
def keda() -> str:
    manifests = os.environ.get("CLUSTER_MANIFESTS")
    if manifests is None:
        pytest.skip("CLUSTER_MANIFESTS does not say where KEDA's manifest is")
    found = yaml.safe_load_all((Path(manifests) / "keda.yaml").read_text())
    return yaml.safe_dump_all([one for one in found if one and one["metadata"]["name"] in CRDS])


@pytest.fixture
def others(
    programs: Programs, control_plane: ControlPlane, node: str, tmp_path: Path
) -> Iterator[Others]:
    assert node
    found = Others(programs, control_plane.context, control_plane.kubeconfig, tmp_path)
    names = [found.namespace(zone) for zone in ZONES]
    for name in names:
        programs.kubectl("create", "namespace", name)
    yield found
    programs.kubectl("delete", "namespace", *names, "--wait=false")


@pytest.fixture
def deployed(others: Others) -> Others:
    for zone in ZONES:
        others.apply(zone, values())
    return others


def tuned(before: Tuning) -> Tuning:
    """As ``recommend`` would: everything that it changes."""
    one = before.of("core-app")
    assert one.autoscaling is not None
    spec = replace(
        one.autoscaling,
        min_replicas=2,
        max_replicas=9,
        metrics=(
            MetricTarget(kind="Resource", name="memory", utilization_percent=70),
            MetricTarget(kind="Pods", name="http_requests_per_second", average_value=17.25),
        ),
        scale_down=replace(one.autoscaling.scale_down, stabilization_window_s=60),
    )
    changed = replace(one, memory_request_mib=200, memory_limit_mib=384.5, autoscaling=spec)
    return replace(before.replacing(changed), zone_rps=120.0)


def progress_of(world: World) -> ListProgress:
    assert isinstance(world.progress, ListProgress)
    return world.progress


@pytest.mark.parametrize(
    ("how", "provider", "behavior"),
    [
        pytest.param("argocd", "keda", BEHAVIOR, id="server-side apply, KEDA, own behaviour"),
        pytest.param("argocd", "hpa", BEHAVIOR, id="server-side apply, HPA, own behaviour"),
        pytest.param("kubectl", "keda", None, id="client-side apply, KEDA, usual behaviour"),
        pytest.param("kubectl", "hpa", None, id="client-side apply, HPA, usual behaviour"),
        pytest.param("helm", "keda", None, id="Helm, KEDA, usual behaviour"),
    ],
)
def test_what_was_applied_is_rolled_back_to_the_letter_and_to_its_owners(
    others: Others, how: str, provider: str, behavior: Any
) -> None:
    for zone in ZONES:
        others.apply(zone, values(provider, behavior), how)
    as_deployed = others.all()
    before = others.adopt().tuning
    assert others.all() == as_deployed, "it touches nothing"
    world = others.world()
    assert world.target.tune(tuned(before), world.progress).tuning == tuned(before)
    changed = {what for what, told in others.all().items() if told != as_deployed[what]}
    assert changed == {f"{zone}/{what}" for zone in ZONES for what in (*TUNED, NAMED[provider])}
    assert world.target.deployment().tuning == tuned(before)
    world.target.tune(before, world.progress)
    assert others.all() == as_deployed


def test_the_settings_are_read_from_the_objects(deployed: Others) -> None:
    deployment = deployed.adopt()
    assert (deployment.adopted, deployment.target, deployment.costs) == (True, "kubeconfig", {})
    one = deployment.tuning.of("core-app")
    assert (one.memory_request_mib, one.memory_limit_mib) == (192, 320)
    assert one.autoscaling == Autoscaling(
        min_replicas=1,
        max_replicas=6,
        metrics=(
            MetricTarget(kind="Resource", name="memory", utilization_percent=80),
            MetricTarget(kind="Pods", name="http_requests_per_second", average_value=12.5),
        ),
        scale_up=one.autoscaling.scale_up if one.autoscaling else None,  # type: ignore[arg-type] # it is there
        scale_down=one.autoscaling.scale_down if one.autoscaling else None,  # type: ignore[arg-type] # the same
    )
    assert (deployment.tuning.partner_per_minute, deployment.tuning.zone_rps) == (10, None)
    assert any("response-time, applications" in note for note in deployment.notes)


@pytest.mark.parametrize("provider", SCALERS)
def test_only_the_tuned_fields_change_hands(others: Others, provider: str) -> None:
    for zone in ZONES:
        others.apply(zone, values(provider))
    world = tune(others)
    scaler = others.get("a", SCALERS[provider])
    listed = scaler["spec"]["triggers" if provider == "keda" else "metrics"]
    theirs = next(
        one for one in objects(values(provider), others.namespace("a"))
        if one["kind"] == scaler["kind"] and one["metadata"]["name"] == "core-app"
    )["spec"]["triggers" if provider == "keda" else "metrics"]  # fmt: skip
    assert [listed[1], listed[3]] == [theirs[1], theirs[3]], "unknown metrics are as they were"
    assert "17.25" in json.dumps(listed) or "17250m" in json.dumps(listed)
    deployment = owned(others.get("a", "deployment/core-app"))["insurectl Apply"]
    memory = {"f:memory": {}}
    assert deployment["f:spec"]["f:template"]["f:spec"]["f:containers"] == {
        'k:{"name":"core-app"}': {
            ".": {},
            "f:name": {},
            "f:resources": {"f:limits": memory, "f:requests": memory},
        }
    }
    assert any("argocd set these objects" in text for text in progress_of(world).of("warn"))


def tune(others: Others) -> World:
    before = others.adopt().tuning
    world = others.world()
    world.target.tune(tuned(before), world.progress)
    return world


def test_what_others_changed_is_told_and_not_overwritten(deployed: Others) -> None:
    world = tune(deployed)
    after = world.target.deployment().tuning
    deployed.patch("b", SCALERS["keda"], {"spec": {"maxReplicaCount": 4}}, "kubectl-edit")
    there = deployed.all()
    expected = r"ScaledObject core-app: max is 4, expected was 9; set by kubectl-edit"
    with pytest.raises(BadInput, match=expected):
        world.target.tune(replace(after, zone_rps=50.0), world.progress)
    assert deployed.all() == there


def test_a_metric_that_others_added_meanwhile_stays(deployed: Others) -> None:
    before = deployed.adopt().tuning
    cron = {
        "type": "cron",
        "metadata": {"timezone": "UTC", "start": "0 7 * * *", "end": "0 9 * * *",
                     "desiredReplicas": "3"},
    }  # fmt: skip
    triggers = deployed.get("a", SCALERS["keda"])["spec"]["triggers"]
    for zone in ZONES:
        patch = {"spec": {"triggers": [cron, *triggers]}}
        deployed.patch(zone, SCALERS["keda"], patch, "kubectl-edit")
    world = deployed.world()
    world.target.tune(tuned(before), world.progress)
    assert deployed.get("a", SCALERS["keda"])["spec"]["triggers"][0] == cron
    world.target.tune(before, world.progress)
    assert deployed.get("a", SCALERS["keda"])["spec"]["triggers"] == [cron, *triggers]


@pytest.mark.parametrize("ending", ["finishes", "undoes"])
def test_the_next_call_ends_what_died_between_two_zones(deployed: Others, ending: str) -> None:
    before = deployed.adopt().tuning
    as_deployed = deployed.all()
    folder = deployed.state / "osago"
    ground = cluster_record.ground(folder)
    cluster_record.intend(folder, tuned(before))
    for one in cluster_adopted.held(folder):
        if one.zone == "a":
            set_to(one, ground.sites[0], tuned(before))
    world = deployed.world()
    assert "half in force" in world.target.status().notes[0]
    wanted = tuned(before) if ending == "finishes" else before
    world.target.tune(wanted, world.progress)
    assert deployed.get("b", SCALERS["keda"])["spec"]["maxReplicaCount"] == (
        9 if ending == "finishes" else 6
    )
    assert world.target.status().notes == ()
    if ending == "undoes":
        assert deployed.all() == as_deployed


def test_to_destroy_it_forgets_it_and_gives_the_fields_back_as_they_are(deployed: Others) -> None:
    as_deployed = deployed.all()
    world = tune(deployed)
    specs = {what: spec for what, (spec, _) in deployed.all().items()}
    world.target.destroy(world.progress)
    assert {what: spec for what, (spec, _) in deployed.all().items()} == specs
    managers = {one for _, owners in deployed.all().values() for one in json.loads(owners)}
    assert not [one for one in managers if one.startswith("insurectl")]
    assert owned(deployed.get("a", "deployment/core-app")) == json.loads(
        as_deployed["a/Deployment/core-app"][1]
    )
    assert not (deployed.state / "osago").exists()
    deployed.adopt()


REFUSED: dict[str, Callable[[Target, Tuning], object]] = {
    "deploy": lambda target, _: target.deploy(DeployPlan(name="osago"), ListProgress()),
    "faults": lambda target, _: target.fault_kinds(),
    "inject": lambda target, _: target.inject("kill", "a", ListProgress()),
    "scale": lambda target, tuning: target.tune(
        tuning.replacing(replace(tuning.of("core-app"), autoscaling=None, replicas=3)),
        ListProgress(),
    ),
    "partner limit": lambda target, tuning: target.tune(
        replace(tuning, partner_per_minute=11), ListProgress()
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_touch_more_is_refused(deployed: Others, what: str) -> None:
    tuning = deployed.adopt().tuning
    as_deployed = deployed.all()
    with pytest.raises(BadInput, match="others deployed this system"):
        REFUSED[what](deployed.world().target, tuning)
    assert deployed.all() == as_deployed


def test_a_target_for_a_metric_that_is_not_there_is_refused(others: Others) -> None:
    for zone in ZONES:
        others.apply(zone, {"migrations": {"enabled": False}})
    before = others.adopt().tuning
    world = others.world()
    with pytest.raises(BadInput, match="has no metric http_requests_per_second"):
        world.target.tune(tuned(before), world.progress)


def test_a_system_that_can_not_be_tuned_is_not_adopted(others: Others) -> None:
    nothing = {"core-app": {"autoscaling": None}}
    others.apply("a", {"services": nothing, "migrations": {"enabled": False}})
    others.apply("b", values())
    others.programs.kubectl("delete", "deployment/client-info", "-n", others.namespace("b"))
    with pytest.raises(BadInput) as refused:
        others.adopt()
    assert "Deployment core-app has no autoscaler" in f"{refused.value}"
    assert "there is no Deployment client-info" in f"{refused.value}"
    assert not (others.state / "osago").exists()


def test_zones_that_differ_are_not_adopted(deployed: Others) -> None:
    deployed.patch("b", SCALERS["keda"], {"spec": {"maxReplicaCount": 4}}, "kubectl-edit")
    with pytest.raises(BadInput, match=r"ScaledObject core-app: max is 4, but 6 in"):
        deployed.adopt()


def test_without_a_gateway_of_ours_its_limits_are_left_out(deployed: Others) -> None:
    for zone in ZONES:
        deployed.programs.kubectl("delete", "configmap/gateway", "-n", deployed.namespace(zone))
    before = deployed.adopt()
    assert any("has no ConfigMap gateway" in note for note in before.notes)
    world = deployed.world()
    after = world.target.tune(tuned(before.tuning), world.progress)
    assert after.tuning.zone_rps is None
    overlay = yaml.safe_load((deployed.state / "osago" / "tuning-values.yaml").read_text())
    assert "limits" not in overlay


def test_where_helm_manages_it_the_overlay_keeps_the_settings(others: Others) -> None:
    for zone in ZONES:
        others.apply(zone, values(), "helm")
    world = tune(others)
    warned = next(text for text in progress_of(world).of("warn") if "Helm's release" in text)
    overlay = others.state / "osago" / "tuning-values.yaml"
    assert f"-n {others.namespace('a')} --reuse-values -f {overlay}" in warned
    scaler = others.get("a", SCALERS["keda"])["spec"]
    others.programs.install(others.namespace("a"), {}, "--reuse-values", "-f", f"{overlay}")
    after = others.get("a", SCALERS["keda"])["spec"]
    assert after["triggers"] == scaler["triggers"]
    assert (after["minReplicaCount"], after["maxReplicaCount"]) == (2, 9)
    resources = others.get("a", "deployment/core-app")["spec"]["template"]["spec"]["containers"]
    assert resources[0]["resources"]["requests"]["memory"] == "200Mi"


def test_as_it_is_typed(deployed: Others, capsys: pytest.CaptureFixture[str]) -> None:
    state = ("--state", f"{deployed.state}", "--name", "osago")
    here = ("--target", "kubeconfig", "--context", deployed.context)
    zones = [f"--zone={zone}={deployed.namespace(zone)}" for zone in ZONES]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("INSURECTL_KUBECONFIG", f"{deployed.kubeconfig}")
        patched.chdir(deployed.state)
        said = app.run(
            ["adopt", *here, *state, *zones, "--edge-url", "http://osago.example.org", "-o", "json"]
        )
        told = capsys.readouterr()
        assert said == 0, told.err
        assert json.loads(told.out)["adopted"] is True
        assert app.run(["load", "osago_peak", *state]) == 2
        assert "say so with --allow-host osago.example.org" in capsys.readouterr().err
        assert app.run(["failover", "--zone", "a", *state]) == 2
        assert "it can't take a zone away" in capsys.readouterr().err
        assert app.run(["destroy", "--yes", *state]) == 0
        assert "only forgotten" in capsys.readouterr().err
    with pytest.raises(TargetNotReady):
        deployed.world().target.deployment()
