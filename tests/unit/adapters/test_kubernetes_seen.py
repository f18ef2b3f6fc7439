"""Answers of API servers that a quick control plane can't give, in the server's own form."""

import json
from pathlib import Path
from typing import Any

import pytest

from insurectl.adapters.kubernetes_api import ClusterApi, Conflict, NotAllowed, NotThere, contexts
from insurectl.adapters.kubernetes_errors import ApiRefusal, refusal
from insurectl.adapters.kubernetes_events import event_seen
from insurectl.adapters.kubernetes_pods import pod_seen
from insurectl.adapters.kubernetes_workloads import hpa_seen
from insurectl.errors import BadFile, BadInput, InsurectlError


def status(message: str, **more: object) -> bytes:
    return json.dumps({"kind": "Status", "message": message, **more}).encode()


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [
        (401, ApiRefusal, "have expired: log in again"),
        (403, NotAllowed, "ask whoever runs the cluster"),
        (404, NotThere, ""),
        (409, Conflict, ""),
        (500, ApiRefusal, ""),
    ],
)
def test_a_refusal_carries_the_servers_words_and_what_to_do(
    code: int, kind: type[ApiRefusal], hint: str
) -> None:
    error = refusal("kind-a", "GET /x", code, status("the words"))
    assert type(error) is kind
    assert error.status == code
    assert str(error).startswith("context kind-a: GET /x: the words")
    assert hint in str(error)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(b"", "HTTP 502", id="empty"),
        pytest.param(b"<html>bad gateway", "<html>bad gateway", id="no JSON"),
        pytest.param(b'{"error": "bad query"}', "bad query", id="JSON of something behind it"),
        pytest.param(b"[1]", "[1]", id="a list"),
    ],
)
def test_an_answer_in_no_form_of_kubernetes_is_told_as_it_is(body: bytes, told: str) -> None:
    assert told in str(refusal("kind-a", "GET /x", 502, body))


def pod(**status: Any) -> dict[str, Any]:
    meta = {"name": "core-app-1", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {
        "metadata": meta,
        "spec": {"containers": [{"name": "core-app"}, {"name": "sidecar"}]},
        "status": {"phase": "Running", **status},
    }


def condition(kind: str, value: str, **more: str) -> dict[str, str]:
    return {"type": kind, "status": value, "lastTransitionTime": "2026-01-01T00:00:05Z", **more}


BACK_OFF = {"reason": "CrashLoopBackOff", "message": "back-off 10s"}
KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param(
            {
                "conditions": [
                    condition("PodScheduled", "False", reason="Unschedulable", message="m")
                ]
            },
            "Unschedulable: m",
            id="no node",
        ),
        pytest.param(
            {
                "initContainerStatuses": [{"name": "wait", "state": {"waiting": BACK_OFF}}],
                "containerStatuses": [
                    {"name": "core-app", "state": {"waiting": {"reason": "PodInitializing"}}}
                ],
            },
            "container wait: CrashLoopBackOff: back-off 10s",
            id="an init container holds it up",
        ),
        pytest.param(
            {
                "containerStatuses": [
                    {"name": "core-app", "state": {"waiting": BACK_OFF}, "lastState": KILLED}
                ]
            },
            "container core-app: CrashLoopBackOff: back-off 10s (ended with 137, OOMKilled)",
            id="killed over and over",
        ),
        pytest.param(
            {"reason": "Evicted", "message": "low on memory"},
            "Evicted: low on memory",
            id="evicted",
        ),
        pytest.param(
            {
                "containerStatuses": [{"name": "core-app", "state": {"running": {}}}],
                "conditions": [condition("Ready", "False", reason="ContainersNotReady")],
            },
            "ContainersNotReady",
            id="its probe fails",
        ),
        pytest.param({}, "not seen by its node yet", id="just made"),
    ],
)
def test_a_pod_says_why_it_is_not_ready(given: dict[str, Any], reason: str) -> None:
    seen = pod_seen(pod(**given))
    assert (seen.ready, seen.reason) == (False, reason)


def test_a_pod_counts_restarts_and_the_memory_kills_that_it_still_shows() -> None:
    running = {"running": {"startedAt": "2026-01-01T00:00:03Z"}}
    seen = pod_seen(
        pod(
            conditions=[condition("Ready", "True"), condition("PodScheduled", "True")],
            containerStatuses=[
                {"name": "sidecar", "restartCount": 1, "state": {"running": {}}},
                {"name": "core-app", "restartCount": 3, "state": running, "lastState": KILLED},
            ],
        )
    )
    assert (seen.container, seen.restarts, seen.oom_kills) == ("core-app", 4, 1)
    assert seen.started_s is not None
    assert seen.ready_s is not None
    assert seen.started_s - seen.created_s == 3
    assert seen.ready_s - seen.created_s == 5


AT_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z
EXACT_NS = int(AT_S) * 10**9 + 250_000_000


def event(name: str = "x", **more: object) -> dict[str, Any]:
    return {"metadata": {"name": name}, "involvedObject": {"kind": "Pod", "name": "p"}, **more}


FIRST = {"firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z"}
SERIES = {"count": 4, "lastObservedTime": "2026-01-01T00:00:09.500000Z"}


@pytest.mark.parametrize(
    ("given", "first_s", "at_s"),
    [
        pytest.param(
            event(f"core-app.{EXACT_NS:x}", **FIRST), AT_S + 0.25, AT_S + 0.25, id="by its name"
        ),
        pytest.param(event("core-app.cafe", **FIRST), AT_S, AT_S, id="a name that only looks so"),
        pytest.param(
            event(
                f"core-app.{EXACT_NS:x}",
                count=3,
                **{**FIRST, "lastTimestamp": "2026-01-01T00:00:07Z"},
            ),
            AT_S + 0.25,
            AT_S + 7,
            id="it came again",
        ),
        pytest.param(
            event(eventTime="2026-01-01T00:00:00.125000Z", firstTimestamp=None, lastTimestamp=None),
            AT_S + 0.125,
            AT_S + 0.125,
            id="of events.k8s.io",
        ),
        pytest.param(
            event(eventTime="2026-01-01T00:00:00.125000Z", series=SERIES),
            AT_S + 0.125,
            AT_S + 9.5,
            id="a series of events.k8s.io",
        ),
    ],
)
def test_an_event_has_the_best_time_that_it_carries(
    given: dict[str, Any], first_s: float, at_s: float
) -> None:
    seen = event_seen(given)
    assert (seen.first_s, seen.at_s) == (pytest.approx(first_s), pytest.approx(at_s))


def test_an_hpas_metrics_are_told_with_their_targets() -> None:
    memory = {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 70}}
    rps = {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "20"}}
    seen = hpa_seen(
        {
            "metadata": {"name": "core-app"},
            "spec": {
                "maxReplicas": 8,
                "scaleTargetRef": {"kind": "Deployment", "name": "core-app"},
                "metrics": [
                    {"type": "Resource", "resource": memory},
                    {"type": "External", "external": rps},
                ],
            },
            "status": {
                "currentMetrics": [
                    {"type": "", "resource": None},  # one that it could not read
                    {
                        "type": "External",
                        "external": {"metric": {"name": "rps"}, "current": {"averageValue": "31"}},
                    },
                ],
            },
        }
    )
    assert seen.metrics == ("memory ?/70%", "rps 31/20")
    assert (seen.minimum, seen.current, seen.conditions) == (1, 0, {})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("{", BadFile, id="no YAML"),
        pytest.param("- 1", BadFile, id="no mapping"),
        pytest.param("contexts: [{}]", BadFile, id="a context without a name"),
        pytest.param(None, BadInput, id="no such file"),
    ],
)
def test_a_kubeconfig_that_can_not_be_read_is_told_with_its_name(
    tmp_path: Path, text: str | None, kind: type[InsurectlError]
) -> None:
    file = tmp_path / "my-kubeconfig"
    if text is not None:
        file.write_text(text)
    with pytest.raises(kind, match=r"my-kubeconfig"):
        contexts(file)


def test_no_kubeconfig_at_all_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/one:{tmp_path}/two")
    with pytest.raises(BadInput, match=r"no kubeconfig: .*/one:.*/two is not there"):
        ClusterApi("kind-a").check()


def test_contexts_of_several_files_are_known_once_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, context in (("one", "a"), ("two", "b"), ("three", "a")):
        (tmp_path / name).write_text(f"contexts: [{{name: {context}}}]")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/one:{tmp_path}/two:{tmp_path}/three")
    assert contexts(None) == ("a", "b")


def test_a_context_whose_cluster_is_missing_is_bad_input(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text("contexts: [{name: a, context: {cluster: gone, user: u}}]\nclusters: []\n")
    with pytest.raises(BadInput, match=r"context a in .*: .*gone"):
        ClusterApi("a", file).check()
