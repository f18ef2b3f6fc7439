"""What a new cluster lacks: names, each with a manifest or a chart, by address or by file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from insurectl.adapters import cluster_zone, programs
from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.helm import Helm
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.errors import BadFile, BadInput, MissingOnMachine, TargetNotReady
from insurectl.ports import Clock

APIS = {  # by which it is known whether a cluster has it
    "metrics-server": "metrics.k8s.io/v1beta1",
    "keda": "keda.sh/v1alpha1",
}
FETCH_S = 60
READY_WITHIN_S = 180.0
LOOK_S = 1.0
INSECURE = "--kubelet-insecure-tls"  # kubelets of kind sign their certificates themselves


@dataclass(frozen=True)
class AddOn:
    """``place``: a manifest (``.yaml``, ``.yml``) or else a chart, as Helm names charts."""

    name: str
    place: str

    @property
    def manifest(self) -> bool:
        """Whether it is applied as it is, without Helm."""
        return self.place.endswith((".yaml", ".yml"))


def parse(entries: Sequence[str]) -> tuple[AddOn, ...]:
    """``name=place`` each; BadInput for what is neither, BadFile for a file that is no manifest."""
    found: list[AddOn] = []
    for entry in entries:
        name, separator, place = entry.partition("=")
        if not separator or not name or not place:
            raise BadInput(
                f"add-on {entry!r}: wanted is NAME=PLACE, such as "
                "metrics-server=/path/to/metrics-server.yaml"
            )
        if name not in APIS:
            raise BadInput(f"add-on {name!r} is not known; there are: {', '.join(APIS)}")
        if "://" not in place and not Path(place).exists():
            raise BadInput(f"add-on {name}: there is no {place}")
        if name in [one.name for one in found]:
            raise BadInput(f"add-on {name!r} is there twice: one place for each")
        one = AddOn(name, place)
        if one.manifest and "://" not in place:
            _documents(one)
        found.append(one)
    return tuple(found)


def ensure(
    site: Site, wanted: Sequence[AddOn], clock: Clock, *, timeout_s: float = READY_WITHIN_S
) -> tuple[str, ...]:
    """Install those whose API the cluster does not serve; returns their names once they serve."""
    cluster = cluster_zone.api(site)
    missing = [one for one in wanted if not cluster.has_api(APIS[one.name])]
    for one in missing:
        programs.go_on()
        if one.manifest:
            cluster.apply_all(_documents(one), force=True)
        else:
            Helm(site.context, site.kubeconfig).upgrade_install(
                one.name, one.name, one.place, {}, timeout_s, create_namespace=True
            )
    for one in missing:
        _await_api(cluster, one, clock, timeout_s)
    return tuple(one.name for one in missing)


def _await_api(cluster: ClusterApi, one: AddOn, clock: Clock, timeout_s: float) -> None:
    """Served, and by pods that are ready: a webhook of it may be asked from now on."""
    until_s = clock.now() + timeout_s
    places = _namespaces(one)
    while True:
        waiting = [
            f"{found.name} {found.ready}/{found.wanted}"
            for place in places
            for found in cluster.deployments(place)
            if not found.rolled_out
        ]
        if not waiting and cluster.has_api(APIS[one.name]):
            return
        if clock.now() > until_s:
            why = [line for place in places for line in cluster.why_not_ready(place)]
            told = ", ".join(waiting) or f"{APIS[one.name]} is not served"
            raise TargetNotReady(
                "\n".join(
                    [f"add-on {one.name} is not ready within {timeout_s:.0f} s: {told}", *why]
                )
            )
        programs.go_on()
        clock.sleep(LOOK_S)


def _namespaces(one: AddOn) -> list[str]:
    if not one.manifest:
        return [one.name]
    found = {str(document["metadata"].get("namespace", "")) for document in _documents(one)}
    return sorted(found - {""})


@lru_cache(maxsize=8)
def _documents(one: AddOn) -> list[dict[str, Any]]:
    """Kept, since every zone's cluster is given the same."""
    try:
        parts = [part for part in yaml.safe_load_all(_text(one)) if part]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadFile(one.place, f"it is no manifest: {error}") from None
    except OSError as error:
        raise BadFile(one.place, f"it can't be read: {error.strerror}") from None
    documents = [inner for part in parts for inner in _objects(part)]
    if not documents:
        raise BadFile(one.place, "it is no manifest: it holds no object")
    for number, document in enumerate(documents, 1):
        if not _is_object(document):
            raise BadFile(
                one.place,
                f"it is no manifest: document {number} lacks apiVersion, kind or metadata.name",
            )
    return [_for_kind(document) for document in documents]


def _objects(part: Any) -> list[Any]:
    """Of a ``List``, as kubectl prints several, each of its items."""
    if isinstance(part, dict) and part.get("kind") == "List":
        return list(part.get("items") or ())
    return [part]


def _is_object(document: Any) -> bool:
    match document:
        case {"apiVersion": str(), "kind": str(), "metadata": {"name": str()}}:
            return True
    return False


def _for_kind(document: dict[str, Any]) -> dict[str, Any]:
    if document["kind"] == "Deployment" and document["metadata"]["name"] == "metrics-server":
        container = document["spec"]["template"]["spec"]["containers"][0]
        if INSECURE not in container.setdefault("args", []):
            container["args"].append(INSECURE)
    return document


def _text(one: AddOn) -> str:
    if "://" not in one.place:
        return Path(one.place).read_text(encoding="utf-8")
    import requests  # noqa: PLC0415 - heavy, and needed for an address only

    try:
        answer = requests.get(one.place, timeout=FETCH_S)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise MissingOnMachine(
            f"add-on {one.name} can't be had from {one.place}: {error}; give a file instead: "
            f"INSURECTL_ADDONS={one.name}=/path/to/{one.name}.yaml"
        ) from None
    return answer.content.decode()
