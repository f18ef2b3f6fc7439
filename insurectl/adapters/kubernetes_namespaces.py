"""Namespaces and secrets that are ours; what somebody else made is never touched."""

import base64
from collections.abc import Mapping

from insurectl.adapters.kubernetes_connection import MANAGER, Connection, path_of
from insurectl.adapters.kubernetes_errors import Conflict
from insurectl.adapters.kubernetes_values import Object
from insurectl.errors import TargetNotReady

OWNER = "app.kubernetes.io/managed-by"
SYSTEM = "insurectl.system"
POD_SECURITY = "pod-security.kubernetes.io"
GONE_S = 180.0  # until all in a namespace is deleted
LOOK_S = 0.5
TRIES = 5  # of a change that another change came before


class Namespaces(Connection):
    """``labels``: those that prove a namespace ours, all of them."""

    def ensure_namespace(
        self, name: str, labels: Mapping[str, str], pod_security: str = "restricted"
    ) -> bool:
        """Make it where it is not there, with ``pod_security`` enforced; whether it was made.

        TargetNotReady when it is there and not ours; one that is being deleted is waited for.
        """
        deadline = self.clock.now() + GONE_S
        while (seen := self._namespace(name)) and _ends(seen):
            self._until(deadline, seen)
        if seen is not None:
            self._refuse_others(seen, labels)
            return False
        wanted = {**labels, f"{POD_SECURITY}/enforce": pod_security}
        wanted[f"{POD_SECURITY}/warn"] = pod_security
        body = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": wanted},
        }
        self.send("POST", "/api/v1/namespaces", body, {"fieldManager": MANAGER})
        return True

    def namespaces(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Names of those that carry all the labels."""
        found = self.items("/api/v1/namespaces", {"labelSelector": selector(labels)})
        return tuple(one["metadata"]["name"] for one in found)

    def delete_namespace(self, name: str, labels: Mapping[str, str]) -> bool:
        """Returns when it and all in it are gone; False where it was not there. TargetNotReady
        when it is not ours, or when something in it does not go (the text says what)."""
        seen = self._namespace(name)
        if seen is None:
            return False
        self._refuse_others(seen, labels)
        if not _ends(seen):
            same = {"preconditions": {"uid": seen["metadata"]["uid"]}}
            self.send("DELETE", path_of("api", "v1", "namespaces", name), same)
        deadline = self.clock.now() + GONE_S
        while seen := self._namespace(name):
            self._until(deadline, seen)
        return True

    def ensure_secret(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, str],
        labels: Mapping[str, str],
        *,
        renew: bool = False,
    ) -> dict[str, str]:
        """Add the values that are missing; what holds now. One that is there is kept, or with
        ``renew`` replaced by ours."""
        for _ in range(TRIES):
            try:
                return self._ensured(namespace, name, values, labels, renew=renew)
            except Conflict:
                self.clock.sleep(LOOK_S)  # changed in between: look again
        return self._ensured(namespace, name, values, labels, renew=renew)

    def _ensured(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, str],
        labels: Mapping[str, str],
        *,
        renew: bool,
    ) -> dict[str, str]:
        place = path_of("api", "v1", "namespaces", namespace, "secrets")
        seen = self.find(f"{place}/{name}")
        if seen is None:
            meta = {"name": name, "namespace": namespace, "labels": dict(labels)}
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque"}
            body["stringData"] = dict(values)
            return _texts(self.send("POST", place, body, {"fieldManager": MANAGER}))
        there = _texts(seen)
        wanted = {**there, **values} if renew else {**values, **there}
        if wanted == there:
            return there
        change: Object = {
            "metadata": {"resourceVersion": seen["metadata"]["resourceVersion"]},
            "data": {
                key: base64.b64encode(text.encode()).decode()
                for key, text in wanted.items()
                if there.get(key) != text
            },
        }
        kind = "application/merge-patch+json"
        return _texts(
            self.send("PATCH", f"{place}/{name}", change, {"fieldManager": MANAGER}, kind)
        )

    def _namespace(self, name: str) -> Object | None:
        return self.find(path_of("api", "v1", "namespaces", name))

    def _until(self, deadline: float, seen: Object) -> None:
        if self.clock.now() < deadline:
            self.clock.sleep(LOOK_S)
            return
        name = seen["metadata"]["name"]
        held = [
            one.get("message", "")
            for one in seen.get("status", {}).get("conditions") or ()
            if one.get("status") == "True" and one.get("type", "").startswith("Namespace")
        ]
        raise TargetNotReady(
            f"context {self.context}: namespace {name} is still being deleted after "
            f"{GONE_S:.0f} s: {' '.join(held) or 'the server gives no reason'}; see "
            f"`kubectl --context {self.context} describe namespace {name}`"
        )

    def _refuse_others(self, seen: Object, labels: Mapping[str, str]) -> None:
        there: Mapping[str, str] = seen["metadata"].get("labels") or {}
        if all(there.get(key) == value for key, value in labels.items()):
            return
        name = seen["metadata"]["name"]
        to_label = " ".join(f"{key}={value}" for key, value in labels.items())
        raise TargetNotReady(
            f"context {self.context}: namespace {name} exists and {_whose(there)}, so insurectl "
            "does not touch it. Choose another system name (INSURECTL_NAME), or, if it is meant "
            f"for this: kubectl --context {self.context} label namespace {name} {to_label}"
        )


def selector(labels: Mapping[str, str]) -> str:
    """As a labelSelector."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _whose(labels: Mapping[str, str]) -> str:
    owner, system = labels.get(OWNER), labels.get(SYSTEM)
    if owner == MANAGER and system:
        return f"belongs to another insurectl system or zone ({SYSTEM}={system})"
    if owner:
        return f"is managed by {owner}"
    own = {key: value for key, value in labels.items() if not key.startswith("kubernetes.io/")}
    return f"was made by somebody else (its labels: {selector(own) or 'none'})"


def _ends(seen: Object) -> bool:
    return "deletionTimestamp" in seen["metadata"]


def _texts(secret: Object) -> dict[str, str]:
    data: Mapping[str, str] = secret.get("data") or {}
    return {key: base64.b64decode(text).decode(errors="replace") for key, text in data.items()}
