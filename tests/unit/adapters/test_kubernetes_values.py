import pytest

from insurectl.adapters.kubernetes_cluster import requested
from insurectl.adapters.kubernetes_values import cpu_millis, memory_mib, quantity, seconds
from insurectl.errors import BadInput


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("500m", 0.5),
        ("2Gi", 2**31),
        ("24684100Ki", 24684100 * 1024),
        ("128974848", 128974848),
        ("1e3", 1000),
        ("1.5", 1.5),
        ("12E", 12e18),
        ("7k", 7000),
        ("250u", 250e-6),
        ("15n", 15e-9),
        (3, 3),
    ],
)
def test_a_quantity_is_a_number(text: str | float, number: float) -> None:
    assert quantity(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "Mi", "12Q", "1 000", "12mi", "one"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"is no Kubernetes quantity"):
        quantity(text)


def test_resources_are_thousandths_of_a_core_and_mib() -> None:
    assert cpu_millis({"cpu": "1500m"}) == 1500
    assert memory_mib({"memory": "288Mi"}) == 288
    assert (cpu_millis({}), memory_mib({})) == (0, 0)


@pytest.mark.parametrize(
    ("text", "at_s"),
    [
        pytest.param("1970-01-01T00:00:01Z", 1.0, id="whole seconds"),
        pytest.param("1970-01-01T00:00:01.250000Z", 1.25, id="a MicroTime"),
        pytest.param("1970-01-01T00:00:01.123456789Z", 1.123456, id="nanoseconds are cut"),
        pytest.param("1970-01-01T01:00:01+01:00", 1.0, id="an offset"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="none"),
    ],
)
def test_a_time_is_seconds_since_the_epoch(text: str | None, at_s: float | None) -> None:
    assert seconds(text) == at_s


def of(cpu: str, **more: object) -> dict[str, object]:
    return {"name": "x", "resources": {"requests": {"cpu": cpu}}, **more}


@pytest.mark.parametrize(
    ("spec", "millis"),
    [
        pytest.param({"containers": [of("1"), of("500m")]}, 1500, id="containers add up"),
        pytest.param(
            {"initContainers": [of("2"), of("3")], "containers": [of("1")]},
            3000,
            id="the largest init container counts alone",
        ),
        pytest.param(
            {
                "initContainers": [of("1", restartPolicy="Always"), of("2")],
                "containers": [of("1")],
            },
            3000,
            id="one that restarts always runs beside the rest",
        ),
        pytest.param(
            {"containers": [of("1")], "overhead": {"cpu": "250m"}}, 1250, id="overhead comes on top"
        ),
        pytest.param({"containers": [{"name": "x"}]}, 0, id="nothing is requested"),
    ],
)
def test_a_pod_keeps_what_the_scheduler_counts(spec: dict[str, object], millis: float) -> None:
    assert requested(spec)[0] == millis
