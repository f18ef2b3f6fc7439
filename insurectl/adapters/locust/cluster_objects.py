"""What a load is made of inside a cluster: a Job, its inputs, and its credentials as a Secret."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONTAINER = "load"
INPUTS, CREDENTIALS, ROOM = "/etc/insure/load", "/etc/insure-secrets/load", "/run/insure"
FILE = "credentials.json"
USER = 10001
TTL_S = 300  # what is left by an insurectl that was killed goes by itself
RUN, PARENT = "insurectl.run", "insurectl.parent"  # annotations of the Job
ROOM_MIB = 256  # for what a journey prints

# an object as the API server takes it; its shape is the cluster's, so no record can hold it
Manifest = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Workers:
    """How many pods of what size, and from which image. ``cpu``: cores of each, requested and at
    most, so that a worker owns its core; a worker can use one at most."""

    system: str
    namespace: str
    image: str
    count: int
    cpu: float = 1.0
    memory_mib: int = 512
    image_pull_secrets: Sequence[str] = ()


def labels(system: str) -> dict[str, str]:
    """Of all objects of any load of a system."""
    return {
        "app.kubernetes.io/name": "insure-system",
        "app.kubernetes.io/component": "load",
        "app.kubernetes.io/managed-by": "insurectl",
        "insurectl.system": system,
    }


def load_job(
    workers: Workers, name: str, *, lasts_s: float, notes: Mapping[str, str], with_credentials: bool
) -> Manifest:
    """The Job. A worker that fails is not replaced: its part of the load would be missing."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**_meta(workers, name), "annotations": dict(notes)},
        "spec": {
            "completions": workers.count,
            "parallelism": workers.count,
            "completionMode": "Indexed",
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(lasts_s),
            "ttlSecondsAfterFinished": TTL_S,
            "template": {
                "metadata": {"labels": labels(workers.system)},
                "spec": _pod(workers, name, with_credentials=with_credentials),
            },
        },
    }


def inputs(workers: Workers, job: Manifest, packed: bytes) -> Manifest:
    """The ConfigMap, which goes with the Job (as the API server returned it)."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _owned(workers, job),
        "immutable": True,
        "binaryData": {"inputs.zip": base64.b64encode(packed).decode()},
    }


def credentials(workers: Workers, job: Manifest, content: bytes) -> Manifest:
    """The Secret with what lets the load in."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _owned(workers, job),
        "type": "Opaque",
        "immutable": True,
        "data": {FILE: base64.b64encode(content).decode()},
    }


def _meta(workers: Workers, name: str) -> Manifest:
    return {"name": name, "namespace": workers.namespace, "labels": labels(workers.system)}


def _owned(workers: Workers, job: Manifest) -> Manifest:
    owner = {"apiVersion": "batch/v1", "kind": "Job"}
    owner |= {key: job["metadata"][key] for key in ("name", "uid")}
    return {**_meta(workers, job["metadata"]["name"]), "ownerReferences": [owner]}


def _pod(workers: Workers, name: str, *, with_credentials: bool) -> Manifest:
    volumes: list[Manifest] = [
        {"name": "inputs", "configMap": {"name": name}},
        {"name": "room", "emptyDir": {"sizeLimit": f"{ROOM_MIB}Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": f"{ROOM_MIB}Mi"}},
    ]
    if with_credentials:
        secret = {"secretName": name, "defaultMode": 0o440}
        volumes.append({"name": "credentials", "secret": secret})
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 5,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "imagePullSecrets": [{"name": one} for one in workers.image_pull_secrets],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels(workers.system)},
            }
        ],
        "containers": [_container(workers, with_credentials=with_credentials)],
        "volumes": volumes,
    }


def _container(workers: Workers, *, with_credentials: bool) -> Manifest:
    size = {"cpu": f"{workers.cpu * 1000:.0f}m", "memory": f"{workers.memory_mib}Mi"}
    env = {"LOAD_INPUTS": INPUTS, "LOAD_ROOM": ROOM, "PYTHONDONTWRITEBYTECODE": "1"}
    mounts = {"inputs": INPUTS, "room": ROOM, "tmp": "/tmp"}  # one of its own
    if with_credentials:
        env["LOAD_CREDENTIALS"] = f"{CREDENTIALS}/{FILE}"
        mounts["credentials"] = CREDENTIALS
    return {
        "name": CONTAINER,
        "image": workers.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-P", "-m", "insurectl.adapters.locust.worker"],
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "resources": {"requests": size, "limits": size},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": key, "mountPath": path, "readOnly": key in {"inputs", "credentials"}}
            for key, path in mounts.items()
        ],
    }
