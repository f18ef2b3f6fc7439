"""Manifests of autoscalers as people have them, and what is said of those that can't be played."""

from pathlib import Path

import pytest

from insurectl.adapters.hpa_manifest import Manifest, read
from insurectl.adapters.kubernetes_values import milli
from insurectl.errors import BadInput
from insurectl.planning.hpa_spec import Metric
from insurectl.records import KUBERNETES_SCALE_DOWN, ScalingPolicy

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
HEAD = """apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: shop
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  maxReplicas: 9
"""
CPU = """  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}
"""
V1 = HEAD.replace("v2", "v1")


def of(folder: Path, text: str, rps_metrics: tuple[str, ...] = ()) -> Manifest:
    path = folder / "hpa.yaml"
    path.write_text(text)
    return read(path, rps_metrics)


def pods(name: str, target: str = 'type: AverageValue, averageValue: "20"') -> str:
    return f"  metrics:\n    - type: Pods\n      pods: {{metric: {{name: {name}}}, " + (
        f"target: {{{target}}}}}\n"
    )


def test_an_ordinary_one_is_read() -> None:
    found = read(EXAMPLES / "hpa-rps.yaml")
    assert (found.name, found.target) == ("rps-22", "shop")
    assert (found.spec.min_replicas, found.spec.max_replicas) == (2, 20)
    assert found.spec.metrics == (
        Metric(kind="Pods", name="http_requests_per_second", average_milli=22_000),
        Metric(kind="Resource", name="memory", utilization_percent=90),
    )
    assert found.spec.behavior is not None
    assert found.spec.behavior.scale_up.policies == (
        ScalingPolicy(kind="Pods", value=4, period_s=15),
    )
    assert found.spec.behavior.scale_down.stabilization_window_s == 300


def test_what_behavior_leaves_out_is_the_defaults(tmp_path: Path) -> None:
    text = f"{HEAD}{CPU}  behavior: {{scaleUp: {{tolerance: '0.05', selectPolicy: Min}}}}\n"
    behavior = of(tmp_path, text).spec.behavior
    assert behavior is not None
    assert (behavior.scale_up.tolerance, behavior.scale_up.select_policy) == (0.05, "Min")
    assert behavior.scale_down == KUBERNETES_SCALE_DOWN
    assert of(tmp_path, HEAD + CPU).spec.behavior is None


def test_version_1_is_converted(tmp_path: Path) -> None:
    found = of(tmp_path, f"{V1}  targetCPUUtilizationPercentage: 70\n")
    assert found.spec.metrics == (Metric(kind="Resource", name="cpu", utilization_percent=70),)


def test_it_is_found_among_other_documents_and_with_a_status(tmp_path: Path) -> None:
    other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {replicas: 3}\n"
    text = f"{other}---\n---\n{HEAD}{CPU}status:\n  currentReplicas: 3\n  conditions: []\n"
    assert of(tmp_path, text).name == "shop"


def test_one_name_twice_is_two_metrics(tmp_path: Path) -> None:
    external = (
        "    - type: External\n      external: {metric: {name: rps}, target: {value: 900m}}\n"
    )
    found = of(tmp_path, HEAD + pods("rps") + external).spec.metrics
    assert [one.label for one in found] == ["rps#0", "rps#1"]
    assert found[1].value_milli == 900


def test_what_counts_requests_may_be_said(tmp_path: Path) -> None:
    assert of(tmp_path, HEAD + pods("s0-prometheus"), ("s0-prometheus",)).spec.metrics
    with pytest.raises(BadInput, match="--rps-metric s0-prometheus"):
        of(tmp_path, HEAD + pods("s0-prometheus"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "it is empty", id="empty"),
        pytest.param("a: [", "it is no YAML", id="no YAML"),
        pytest.param("kind: Deployment", "wanted is one Horizontal.*there is: Depl", id="kind"),
        pytest.param(f"{HEAD}{CPU}---\n{HEAD}{CPU}", "one Horizontal.*there are 2", id="two"),
        pytest.param(HEAD, r"hpa.yaml:5: spec: metrics is missing.*80 %", id="no metrics"),
        pytest.param(f"{HEAD}  metrics: []\n", "at least one item", id="no metric in the list"),
        pytest.param(V1, "targetCPUUtilizationPercentage is missing", id="v1: no target"),
        pytest.param(V1 + CPU, "no key 'metrics'", id="v1: a field of v2"),
        pytest.param(
            (V1 + "  targetCPUUtilizationPercentage: 5\n").replace(
                "name: shop\nspec", "name: shop\n  annotations: "
                "{autoscaling.alpha.kubernetes.io/metrics: x}\nspec", 1),
            "write it as autoscaling/v2", id="v1: more metrics"),
        pytest.param((HEAD + CPU).replace("/v2", "/v2beta1"), "no version.*'autoscaling/v2beta1'",
                     id="version"),
        pytest.param(f"{HEAD}{CPU}  minReplica: 2\n", "hpa.yaml:11: spec.minReplica: no key "
                     "'minReplica'; did you mean minReplicas", id="an unknown field"),
        pytest.param(f"{HEAD}{CPU}  minReplicas: 12\n", "maxReplicas is 9 and minReplicas 12",
                     id="least above most"),
        pytest.param((HEAD + CPU).replace("9", "nine"), "spec.maxReplicas: 'nine' is no number",
                     id="no number"),
        pytest.param((HEAD + CPU).replace("  maxReplicas: 9\n", ""), "maxReplicas is missing",
                     id="no most"),
        pytest.param((HEAD + CPU).replace("cpu", "nvidia.com/gpu"), "no data for 'nvidia.com/gpu'",
                     id="a resource without data"),
        pytest.param(HEAD + pods("queue_depth"), "no data for 'queue_depth'.*--rps-metric",
                     id="a metric without data"),
        pytest.param((HEAD + CPU).replace("type: Resource", "type: ContainerResource"),
                     "no data for single containers", id="a container"),
        pytest.param((HEAD + CPU).replace("type: Resource", "type: Resorce"), "did you mean Res",
                     id="a type"),
        pytest.param((HEAD + CPU).replace("- type: Resource", "- name: x"), "type is missing",
                     id="no type"),
        pytest.param((HEAD + CPU).replace("Utilization,", "Value,"),
                     "it is Value, but what is given is averageUtilization", id="another target"),
        pytest.param(HEAD + pods("rps", "type: AverageValue"), "wanted is exactly one of",
                     id="no target"),
        pytest.param(HEAD + pods("rps", "averageValue: many"), "no Kubernetes quantity",
                     id="no quantity"),
        pytest.param(HEAD + pods("rps", "averageValue: 0"), "average_milli is 0", id="nothing"),
        pytest.param(HEAD + pods("rps", "value: 5"), "has no value_milli", id="target of a kind"),
        pytest.param(f"{HEAD}{CPU}  behavior: {{scaleDown: {{stabilizationWindowSeconds: 9999}}}}",
                     "the window is 9999 s", id="window"),
        pytest.param(f"{HEAD}{CPU}  behavior: {{scaleDown: {{policies: [{{type: Pods, value: 1}}]}}"
                     "}", "periodSeconds is missing", id="a policy without a period"),
        pytest.param(f"{HEAD}{CPU}  behavior: {{scaleDown: {{selectPolicy: Most}}}}",
                     "no policy 'Most'", id="select"),
    ],
)  # fmt: skip
def test_what_can_not_be_played_is_named_with_its_field(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100", 100_000), ("1.5", 1500), ("333m", 333), ("1001m", 1001), ("1u", 1),
     ("2Mi", 2**21 * 1000), ("1e3", 1_000_000), ("0", 0)],
)  # fmt: skip
def test_thousandths_of_a_quantity_are_exact_and_rounded_up(text: str, expected: int) -> None:
    assert milli(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "many", "nan", "inf", "1Qi", "1e30", "1mm"])
def test_other_texts_are_no_quantity(text: str) -> None:
    with pytest.raises(BadInput, match=r"quantity|can't be used"):
        milli(text)
