"""What a parent makes of what a cluster shows it: pods, logs, objects that are left."""

import json
import os
import platform
import queue
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from insurectl.adapters.locust import cluster_objects as objects
from insurectl.adapters.locust.cluster_leftovers import clear, remove
from insurectl.adapters.locust.cluster_objects import Workers
from insurectl.adapters.locust.cluster_worker import ClusterWorker, Place
from insurectl.adapters.locust.run import Line
from insurectl.errors import TargetNotReady

WORKERS = Workers(system="s", namespace="n", image="i:1", count=2)
RUNNING = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}
DONE = {
    "phase": "Succeeded",
    "containerStatuses": [{"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
}


class Happened(NamedTuple):
    kind: str
    name: str
    warning: bool
    message: str


class Said(NamedTuple):
    code: int
    stdout: str
    stderr: str


@dataclass
class FakeCluster:
    """``pods``: what one look after the other sees (the last one stays; None: it is gone).
    ``told``: what each time that the log is asked for comes."""

    pods: list[Mapping[str, Any] | None] = field(default_factory=lambda: [None])
    told: list[list[str]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    happened: Sequence[Happened] = ()
    down: bool = False
    deleted: list[tuple[str, str]] = field(default_factory=list)

    def create(self, manifest: Mapping[str, Any], /) -> dict[str, Any]:
        return dict(manifest)

    def list_objects(
        self, version: str, kind: str, namespace: str, labels: Mapping[str, str], /
    ) -> list[dict[str, Any]]:
        if kind == "Job":
            return self.jobs
        seen = self.pods.pop(0) if len(self.pods) > 1 else self.pods[0]
        return [] if seen is None else [{"metadata": {"name": "pod-1"}, "status": seen}]

    def delete(self, version: str, kind: str, namespace: str, name: str, /) -> bool:
        if self.down:
            raise TargetNotReady("no answer")
        self.deleted.append((kind, name))
        return True

    def logs(
        self, namespace: str, pod: str, container: str, /, *, lines: int, follow: bool
    ) -> Iterator[str]:
        yield from self.told.pop(0) if self.told else []
        if self.told:
            raise TargetNotReady("it broke off")

    def execute(self, namespace: str, pod: str, container: str, command: Sequence[str], /) -> Said:
        return Said(0, "0.0", "")

    def events(self, namespace: str, /) -> Sequence[Happened]:
        return self.happened


def line(sequence: int, kind: str = "ready", **values: object) -> str:
    return json.dumps({"kind": kind, "sequence": sequence, "at_s": 0.0, **values})


def follow(cluster: FakeCluster) -> tuple[ClusterWorker, list[dict[str, Any]]]:
    """All that a worker with this log says until it is gone."""
    place = Place(
        cluster=cluster,
        namespace="n",
        job="load-1",
        workers=2,
        journey_file=Path("/here/peak.py"),
        look_s=0.001,
    )
    lines: queue.Queue[Line] = queue.Queue()
    worker = ClusterWorker(1, place, lines)
    worker.start()
    heard = []
    while not heard or heard[-1]["kind"] != "gone":
        heard.append(lines.get(timeout=5).content)
    return worker, heard


def kinds(heard: Sequence[Mapping[str, Any]]) -> list[str]:
    return [one["kind"] for one in heard]


# ---- a worker's log ----


def test_a_log_that_breaks_off_is_asked_for_again_and_nothing_counts_twice() -> None:
    told = [[line(0), line(1, "a")], [line(0), line(1, "a"), line(2, "b")], [line(2, "b")]]
    _, heard = follow(FakeCluster(pods=[None, RUNNING, RUNNING, RUNNING, DONE], told=told))
    assert kinds(heard) == ["ready", "a", "b", "gone"]


def test_a_line_that_did_not_come_is_missed() -> None:
    _, heard = follow(FakeCluster(pods=[DONE], told=[[line(0), line(3, "a")]]))
    assert kinds(heard) == ["ready", "lost", "a", "gone"]
    assert heard[1]["reason"] == "2 lines of load worker 1 were lost on their way"


def test_a_start_that_was_heard_of_too_late_is_told() -> None:
    _, heard = follow(FakeCluster(pods=[DONE], told=[[line(0, "going", left_s=-0.31)]]))
    assert heard[0]["reason"] == "load worker 1 heard of the start 0.3 s late"


def test_a_fault_of_the_journey_is_told_with_the_file_that_is_here() -> None:
    said = line(0, "bad", message="/run/insure/files/peak.py:3: no", log="")
    _, heard = follow(FakeCluster(pods=[DONE], told=[[said]]))
    assert heard[0]["message"] == "/here/peak.py:3: no"


def test_what_was_said_before_the_first_line_explains_why_it_ended() -> None:
    bad = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 1}}}]}
    worker, heard = follow(FakeCluster(pods=[bad], told=[["ImportError: no locust"]]))
    assert kinds(heard) == ["gone"]
    assert worker.told() == "its pod pod-1 is Failed (exit code 1) / ImportError: no locust"


@pytest.mark.parametrize(
    ("pod", "why"),
    [
        pytest.param(
            {
                "phase": "Failed",
                "containerStatuses": [
                    {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
                ],
            },
            "Failed (OOMKilled: exit code 137)",
            id="out of memory",
        ),
        pytest.param(
            {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory"},
            "Failed (Evicted: The node was low on memory)",
            id="evicted",
        ),
    ],
)
def test_a_worker_that_was_lost_says_why(pod: Mapping[str, Any], why: str) -> None:
    worker, heard = follow(FakeCluster(pods=[RUNNING, pod], told=[[line(0)]]))
    assert kinds(heard) == ["ready", "gone"]
    assert worker.lost() == f"load worker 1 of 2 was lost: its pod pod-1 is {why}"


def test_a_pod_that_was_deleted_is_gone() -> None:
    worker, heard = follow(FakeCluster(pods=[RUNNING, None], told=[[line(0)]]))
    assert kinds(heard) == ["ready", "gone"]
    assert worker.lost() == "load worker 1 of 2 was lost: its pod pod-1 was deleted"


def test_an_image_that_is_not_there_is_not_waited_for() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    pod = {"phase": "Pending", "containerStatuses": [{"state": {"waiting": waiting}}]}
    happened = [Happened("Pod", "pod-1", True, "not found"), Happened("Pod", "x", True, "other")]
    worker, _ = follow(FakeCluster(pods=[pod], happened=happened))
    assert worker.told() == (
        "its pod pod-1 is Pending (ImagePullBackOff: Back-off pulling image) / not found"
    )


# ---- what it is made of there ----


def test_credentials_are_in_a_secret_only_and_all_goes_with_the_job() -> None:
    job = objects.load_job(WORKERS, "load-1", lasts_s=60, notes={}, with_credentials=True)
    made = {**job, "metadata": {**job["metadata"], "uid": "u"}}
    config = objects.inputs(WORKERS, made, b"packed")
    secret = objects.credentials(WORKERS, made, b"key-of-a-partner")
    assert "key-of-a-partner" not in json.dumps([job, config])
    assert secret["data"]["credentials.json"] == "a2V5LW9mLWEtcGFydG5lcg=="
    for one in (config, secret):
        assert [owner["uid"] for owner in one["metadata"]["ownerReferences"]] == ["u"]
        assert one["metadata"]["labels"] == job["metadata"]["labels"]


def test_a_worker_owns_its_core_and_no_rights() -> None:
    job = objects.load_job(WORKERS, "load-1", lasts_s=60, notes={}, with_credentials=False)
    spec = job["spec"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (2, 2, 0)
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert container["resources"]["limits"]["cpu"] == "1000m"
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


# ---- what is left ----


def job(**parent: object) -> dict[str, Any]:
    notes = {objects.PARENT: json.dumps(parent), objects.RUN: "run-1"} if parent else {}
    return {"metadata": {"name": "load-1", "annotations": notes}, "status": {}}


HERE = {"host": platform.node(), "pid": os.getpid()}


@pytest.mark.parametrize(
    "left",
    [
        pytest.param({**job(), "status": {"conditions": [{"type": "Failed", "status": "True"}]}}),
        pytest.param(job(**{**HERE, "began": 1.0}), id="another process has the number now"),
        pytest.param(job(**{**HERE, "pid": 2**22 + 1, "began": 1.0}), id="no such process"),
    ],
)
def test_what_nobody_plays_any_more_is_removed(left: dict[str, Any]) -> None:
    cluster = FakeCluster(jobs=[left])
    remove(cluster, WORKERS)
    assert cluster.deleted == [("Job", "load-1"), ("ConfigMap", "load-1"), ("Secret", "load-1")]


@pytest.mark.parametrize(
    ("played", "who"),
    [
        pytest.param(job(), "process unknown", id="nobody knows"),
        pytest.param(job(**{**HERE, "began": psutil.Process().create_time()}), "run-1", id="here"),
        pytest.param(job(host="elsewhere", pid=1, began=1.0), "process 1 on elsewhere", id="there"),
    ],
)
def test_a_load_that_may_still_be_played_is_left_alone(played: dict[str, Any], who: str) -> None:
    cluster = FakeCluster(jobs=[played])
    with pytest.raises(TargetNotReady, match=f"another load is played.*{who}"):
        remove(cluster, WORKERS)
    assert not cluster.deleted


def test_what_can_not_be_deleted_is_told() -> None:
    told = clear(FakeCluster(down=True), WORKERS, "load-1", pause_s=0)
    assert told.startswith("Job load-1 in namespace n could not be deleted: no answer")
