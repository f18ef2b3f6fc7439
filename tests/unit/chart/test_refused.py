"""Values that can't work are refused, with the place and the reason."""

import shutil
import subprocess
from typing import Any

import pytest

from tests.unit.chart.rendered import (
    CHART,
    OUTSIDE,
    Refused,
    autoscaling,
    needs_helm,
    render,
    service,
)
from tests.unit.chart.variants import QUERY, RESPONSE_TIME, RPS

pytestmark = [pytest.mark.cluster, needs_helm]
CORE = "/services/core-app"


@pytest.mark.parametrize(
    ("values", "place", "reason"),
    [
        pytest.param({"sytem": "x"}, "", "'sytem' not allowed", id="misspelt"),
        pytest.param({"system": "My System"}, "/system", "does not match", id="name"),
        pytest.param(
            service("core-app", memory={"requestMib": "192Mi"}),
            f"{CORE}/memory/requestMib", "want number", id="unit",
        ),
        pytest.param(
            service("core-app", cost={"sleep": 3}), f"{CORE}/cost", "'sleep' not allowed", id="cost"
        ),
        pytest.param(
            service("core-app", replicas=-1), f"{CORE}/replicas", "minimum", id="replicas"
        ),
        pytest.param(
            service("web", tokens="mint"), "/services/web/tokens", "'verify'", id="tokens"
        ),
        pytest.param(
            service("core-app-relay", publishes=["policies issued"]),
            "/services/core-app-relay/publishes/0", "does not match", id="event",
        ),
        pytest.param(
            {"external": {"redis": {"name": "x"}}}, "/external/redis",
            "missing property 'sentinels'", id="Redis without Sentinels",
        ),
        pytest.param(
            autoscaling({"type": "disk"}), f"{CORE}/autoscaling/metrics/0/type",
            "'memory', 'cpu', 'rps', 'responseTime', 'query'", id="metric",
        ),
        pytest.param(
            autoscaling({"type": "rps", "ms": 5}), f"{CORE}/autoscaling/metrics/0",
            "missing property 'perReplica'", id="metric of another kind",
        ),
        pytest.param(
            autoscaling(provider="vpa"), "/autoscaling/provider", "'keda', 'hpa'", id="provider"
        ),
        pytest.param(
            {"gateway": {"service": {"type": "ClusterPI"}}}, "/gateway/service/type",
            "'ClusterIP', 'NodePort', 'LoadBalancer'", id="type of Service",
        ),
        pytest.param(
            {**OUTSIDE, "edge": {"zones": [{"name": "a", "gateway": "http://x"}]}},
            "/edge/zones/0/gateway", "does not match", id="address",
        ),
    ],
)  # fmt: skip
def test_the_schema_names_the_place(values: dict[str, Any], place: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        render(values)
    assert f"'{place}'" in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"parts": {"zone": False}}, "nothing would be deployed", id="no part"),
        pytest.param({"zone": ""}, "zone: is empty; parts.zone needs", id="no zone"),
        pytest.param({**OUTSIDE, "edge": {}}, "edge.zones: is empty", id="edge without zones"),
        pytest.param(
            service("client-info", front=True),
            "exactly one must have front: true, the one that the gateway leads to; "
            "there are 2: [client-info, core-app]",
            id="two fronts",
        ),
        pytest.param(
            service("core-app", needs=["cleint-info"]),
            'services.core-app.needs: there is no service "cleint-info"; there are: postgresql, '
            "rabbitmq, redis, client-info, core-app",
            id="unknown need",
        ),
        pytest.param(
            service("client-info", callers=["core"]),
            'services.client-info.callers: there is no service "core"',
            id="unknown caller",
        ),
        pytest.param(
            service("client-info", public=True), "the gateway has no route to it", id="no route"
        ),
        pytest.param(
            service("client-info", database=None),
            "services.client-info.database: is missing",
            id="no database",
        ),
        pytest.param(
            service("core-app", memory={"requestMib": 500, "limitMib": 400}),
            "services.core-app.memory: requestMib (500) is above limitMib (400)",
            id="request above limit",
        ),
        pytest.param(
            service("core-app", cpu={"requestMillis": 500, "limitMillis": 400}),
            "services.core-app.cpu: requestMillis (500) is above limitMillis (400)",
            id="request above limit, CPU",
        ),
        pytest.param(
            autoscaling(RPS, min=7), "autoscaling: min (7) is above max (6)", id="min above max"
        ),
        pytest.param(autoscaling(RPS, RPS), '"rps" is there twice', id="a metric twice"),
        pytest.param(
            autoscaling(RPS, provider="hpa"),
            "set autoscaling.hpa.customMetrics=true where the cluster has one",
            id="HPA without custom metrics",
        ),
        pytest.param(
            autoscaling(RESPONSE_TIME, provider="hpa"),
            "a HorizontalPodAutoscaler can't ask Prometheus",
            id="HPA and response time",
        ),
        pytest.param(
            autoscaling(QUERY, provider="hpa"),
            "the metric applications comes from an external metrics API",
            id="HPA and a query",
        ),
    ],
)
def test_values_that_do_not_fit_each_other(values: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused) as refused:
        render(values)
    assert told in str(refused.value)


def test_helm_lint_finds_nothing() -> None:
    lint = [shutil.which("helm") or "helm", "lint", "--strict", f"{CHART}"]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout
