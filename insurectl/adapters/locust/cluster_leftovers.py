"""Takes away what a load made in a cluster, also what an insurectl that was killed left there."""

import json
import os
import platform
import time
from typing import Any

import psutil

from insurectl.adapters.locust.cluster_objects import (
    PARENT,
    RUN,
    TTL_S,
    Manifest,
    Workers,
    labels,
)
from insurectl.adapters.locust.cluster_worker import Cluster
from insurectl.errors import TargetNotReady

JOBS = ("batch/v1", "Job")
KINDS = (JOBS, ("v1", "ConfigMap"), ("v1", "Secret"))
TRIES = 3
PAUSE_S = 1.0
GONE_S = 30.0  # a pod has 5 s to end


def parent() -> dict[str, Any]:
    """Who we are, for the next one who finds our Job."""
    return {"host": platform.node(), "pid": os.getpid(), "began": psutil.Process().create_time()}


def remove(cluster: Cluster, workers: Workers) -> None:
    """Everything of loads that nobody plays any more; TargetNotReady when one is played."""
    found = cluster.list_objects(*JOBS, workers.namespace, labels(workers.system))
    for job in found:
        if not (_done(job) or _orphaned(job)):
            raise _busy(job, workers.namespace)
    for job in found:
        if left := clear(cluster, workers, job["metadata"]["name"]):
            raise TargetNotReady(left)


def clear(cluster: Cluster, workers: Workers, name: str, *, pause_s: float = PAUSE_S) -> str:
    """Delete one load's objects and wait for its pods; what is left ("": nothing)."""
    for further in reversed(range(TRIES)):
        try:
            for version, kind in KINDS:
                cluster.delete(version, kind, workers.namespace, name)
            return _wait_for_pods(cluster, workers.namespace, name)
        except TargetNotReady as error:
            if not further:
                return (
                    f"Job {name} in namespace {workers.namespace} could not be deleted: {error}; "
                    f"its workers end by themselves, and it goes {TTL_S // 60} minutes later"
                )
        time.sleep(pause_s)
    return ""


def _wait_for_pods(cluster: Cluster, namespace: str, name: str) -> str:
    deadline_s = time.monotonic() + GONE_S
    of_job = {"batch.kubernetes.io/job-name": name}
    while left := cluster.list_objects("v1", "Pod", namespace, of_job):
        if time.monotonic() > deadline_s:
            pods = ", ".join(one["metadata"]["name"] for one in left)
            return f"pods {pods} in namespace {namespace} still end after {GONE_S:.0f} s"
        time.sleep(PAUSE_S / 4)
    return ""


def _done(job: Manifest) -> bool:
    conditions = job.get("status", {}).get("conditions", ())
    return any(
        one["type"] in {"Complete", "Failed"} and one["status"] == "True" for one in conditions
    )


def _orphaned(job: Manifest) -> bool:
    """Its insurectl ran on this machine, and does no more. Of another machine's we can't know."""
    who = _parent(job)
    if who.get("host") != platform.node():
        return False
    try:
        began = psutil.Process(int(who["pid"])).create_time()
    except psutil.NoSuchProcess:
        return True
    return abs(began - float(who["began"])) > 1.0


def _parent(job: Manifest) -> dict[str, Any]:
    notes = job["metadata"].get("annotations", {})
    try:
        who = json.loads(notes.get(PARENT, ""))
    except ValueError:
        return {}
    return who if isinstance(who, dict) and {"host", "pid", "began"} <= who.keys() else {}


def _busy(job: Manifest, namespace: str) -> TargetNotReady:
    name, who = job["metadata"]["name"], _parent(job)
    run = job["metadata"].get("annotations", {}).get(RUN, "unknown")
    return TargetNotReady(
        f"another load is played from inside: Job {name} in namespace {namespace}, run {run}, by "
        f"process {who.get('pid', 'unknown')} on {who.get('host', 'an unknown machine')}; wait for "
        f"its end, or, when that insurectl is gone, delete it: kubectl -n {namespace} delete job "
        f"{name}"
    )
