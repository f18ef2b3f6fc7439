"""Values of the chart that lie under insurectl's."""

from pathlib import Path
from typing import Any

import pytest

from insurectl.adapters.chart_values import ChartChoices
from insurectl.errors import BadFile, BadInput

OURS = {
    "zone": "a",
    "image": {"service": {"tag": "9"}},
    "services": {"core-app": {"memory": {"requestMib": 192}}},
    "external": {},
    "nodeSelector": {},
    "postgresql": {"maxConnections": 250, "storage": {"size": "2Gi"}},
}


def choices(folder: Path, text: str) -> ChartChoices:
    path = folder / "chart.yaml"
    path.write_text(text)
    return ChartChoices(file=path)


def test_without_a_file_there_is_what_insurectl_sets() -> None:
    assert ChartChoices().under(OURS) == OURS


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        pytest.param("tolerations: [{key: x}]", "tolerations", [{"key": "x"}], id="a list"),
        pytest.param(
            "gateway: {replicas: 3}", "gateway", {"replicas": 3}, id="what insurectl leaves alone"
        ),
        pytest.param(
            "image: {service: {pullPolicy: Always}}",
            "image", {"service": {"tag": "9", "pullPolicy": "Always"}}, id="beside insurectl's",
        ),
        pytest.param('zone: "a"', "zone", "a", id="what both say alike"),
        pytest.param(
            "external: {prometheus: {url: http://p}}",
            "external", {"prometheus": {"url": "http://p"}}, id="within a map that is empty",
        ),
        pytest.param(
            "postgresql: {storage: {class: fast, size: 10Gi}}",
            "postgresql",
            {"maxConnections": 250, "storage": {"class": "fast", "size": "10Gi"}},
            id="a default of insurectl",
        ),
        pytest.param(
            "networkPolicy: {kedaNamespace: null}",
            "networkPolicy", {"kedaNamespace": None}, id="none",
        ),
    ],
)  # fmt: skip
def test_the_file_lies_under_what_insurectl_sets(
    tmp_path: Path, text: str, path: str, value: Any
) -> None:
    assert choices(tmp_path, text).under(OURS) == {**OURS, path: value}


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        pytest.param("a: 1\nzone: b", 2, "zone is b here, insurectl sets a", id="a value"),
        pytest.param(
            "services:\n  core-app:\n    memory: {requestMib: 200}", 3,
            r"services.core-app.memory.requestMib is 200 here, insurectl sets 192", id="deep",
        ),
        pytest.param("image: x", 1, "image is x here, insurectl sets {", id="in place of a map"),
        pytest.param("image: null", 1, "image is None here", id="nothing in place of a map"),
        pytest.param(
            "services: {core-app: {replicas: 2}}", 1,
            "replicas: insurectl sets it through the scale subresource", id="replicas",
        ),
        pytest.param("- a", 1, "has to be values of the chart", id="a list"),
        pytest.param("word", 1, "has to be values of the chart", id="a word"),
        pytest.param("a: 1\na: 2", 2, "a: it is there twice", id="twice"),
        pytest.param("a: [", 1, "it is no YAML", id="no YAML"),
        pytest.param("", None, "it is empty", id="empty"),
        pytest.param("a: 1\nb: !x 2", 2, "the tag '!x' has no meaning", id="a tag"),
        pytest.param("a: 1\nb: 2030-01-01", 2, "is a date to YAML", id="a date"),
        pytest.param("a: .nan", 1, "is not finite", id="not finite"),
        pytest.param("a: &x [*x]", None, "nested too deeply", id="within itself"),
        pytest.param("a: " + "[" * 9000, None, "nested too deeply", id="nested"),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_told_with_its_line(
    tmp_path: Path, text: str, line: int | None, told: str
) -> None:
    with pytest.raises(BadFile, match=told) as refused:
        choices(tmp_path, text).under(OURS)
    where = f"{tmp_path / 'chart.yaml'}" + (f":{line}:" if line else "")
    assert f"{refused.value}".startswith(where)


def test_each_key_that_both_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"(?s):1: zone is b.*:2: .*tag is 8 .*take it out"):
        choices(tmp_path, "zone: b\nimage: {service: {tag: '8'}}").under(OURS)


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(BadInput, match=r"no-such.yaml can't be read: No such file"):
        ChartChoices(file=Path("no-such.yaml")).under(OURS)


def test_it_is_read_each_time(tmp_path: Path) -> None:
    one = choices(tmp_path, "a: 1")
    assert one.under({}) == {"a": 1}
    choices(tmp_path, "a: 2")
    assert one.under({}) == {"a": 2}


@pytest.mark.parametrize(
    ("told", "line"),
    [
        pytest.param("- at '/gateway/replicas': got string", 3, id="as Helm 3.18 and 4 say it"),
        pytest.param("- gateway.replicas: Invalid type", 3, id="as Helm 3.12 says it"),
        pytest.param("- at '/zone': got null", None, id="not of this file"),
    ],
)
def test_what_helm_refuses_is_told_with_its_line(
    tmp_path: Path, told: str, line: int | None
) -> None:
    found = choices(tmp_path, "a: 1\ngateway:\n  replicas: many").refusal(told)
    assert (found and f"chart.yaml:{line}:" in f"{found}") == (line and True)
    assert ChartChoices().refusal(told) is None


def test_prometheus_image_is_one_that_was_chosen(tmp_path: Path) -> None:
    chosen = ChartChoices(prometheus_image="registry.example:5000/x/prometheus:v3")
    assert chosen.under({"image": {"service": {}}})["image"] == {
        "service": {},
        "prometheus": {"repository": "registry.example:5000/x/prometheus", "tag": "v3"},
    }
    both = ChartChoices(
        file=choices(tmp_path, "image: {prometheus: {tag: v2}}").file, prometheus_image="p:v3"
    )
    with pytest.raises(BadFile, match=r"image.prometheus.tag is v2 here, insurectl sets v3"):
        both.under({})
