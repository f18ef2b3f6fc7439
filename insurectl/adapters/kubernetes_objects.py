"""Any object of any kind, custom resources too, as the dict that its manifest is."""

from collections.abc import Iterable, Mapping
from typing import Any

from insurectl.adapters.kubernetes_connection import MANAGER, Connection, Params, path_of
from insurectl.adapters.kubernetes_errors import Conflict, NotThere
from insurectl.adapters.kubernetes_namespaces import selector
from insurectl.adapters.kubernetes_values import Object
from insurectl.errors import TargetNotReady

LOOK_S = 0.5
ESTABLISHED_S = 30.0
APPLY = "application/apply-patch+yaml"  # JSON is YAML
MERGE = "application/merge-patch+json"
FIRST = ("Namespace", "CustomResourceDefinition")  # what the other objects of a list need


class Objects(Connection):
    """``version`` is an apiVersion, such as ``apps/v1`` or ``keda.sh/v1alpha1``; ``namespace`` ""
    for kinds that are in none."""

    def apply(
        self, manifest: Mapping[str, Any], *, force: bool = False, dry_run: bool = False
    ) -> Object:
        """Server-side apply as field manager ``insurectl``; the whole object as it then is.

        Fields that an earlier apply set and this one leaves out go away. TargetNotReady names
        who else set a field to another value, unless ``force`` takes it over.
        """
        params: dict[str, str] = {"fieldManager": MANAGER, "force": str(force).lower()}
        if dry_run:
            params["dryRun"] = "All"
        try:
            return self.send("PATCH", self._place(manifest), dict(manifest), params, APPLY)
        except Conflict as error:
            raise _owned(error, manifest) from error

    def apply_all(self, manifests: Iterable[Mapping[str, Any]], *, force: bool = False) -> None:
        """Namespaces and definitions first, each definition waited for until it is served."""
        ordered = list(manifests)
        first = [one for one in ordered if one["kind"] in FIRST]
        for one in first:
            self.apply(one, force=force)
        for one in first:
            if one["kind"] == FIRST[1]:
                self._wait_established(one["metadata"]["name"])
        for one in ordered:
            if one not in first:
                self.apply(one, force=force)

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """A new object; Conflict when it exists. ``generateName`` works."""
        place = self._kind(manifest, _namespace(manifest))
        return self.send("POST", place, dict(manifest), _changed_by_us(dry_run))

    def replace(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Exactly this instead of what is there; Conflict when it carries a resourceVersion and
        somebody changed the object since."""
        place = self._place(manifest)
        return self.send("PUT", place, dict(manifest), _changed_by_us(dry_run))

    def merge(self, found: Mapping[str, Any], patch: Object) -> Object:
        """Merge patch (RFC 7396) of an object that was read: null takes a field out; Conflict when
        the patch carries a resourceVersion and somebody changed the object since."""
        return self.send("PATCH", self._place(found), patch, {"fieldManager": MANAGER}, MERGE)

    def get(self, version: str, kind: str, namespace: str, name: str) -> Object | None:
        """None where there is none; TargetNotReady when the cluster has no such kind."""
        return self.find(self._path(version, kind, namespace) + path_of(name))

    def list_objects(
        self, version: str, kind: str, namespace: str, labels: Mapping[str, str] | None = None
    ) -> list[Object]:
        """Those that carry the labels; ``namespace`` "" lists a namespaced kind everywhere."""
        params: Params = {"labelSelector": selector(labels)} if labels else {}
        found = self.items(self._path(version, kind, namespace), params)
        return [{"apiVersion": version, "kind": kind, **one} for one in found]

    def delete(self, version: str, kind: str, namespace: str, name: str) -> bool:
        """With all that it owns, in the background; False where it was not there."""
        place = self._path(version, kind, namespace) + path_of(name)
        try:
            self.send("DELETE", place, {"propagationPolicy": "Background"})
        except NotThere:
            return False
        return True

    def serves(self, version: str, kind: str) -> bool:
        """Whether the cluster has this kind of objects."""
        return self._resource(version, kind) is not None

    def _place(self, manifest: Mapping[str, Any]) -> str:
        return self._kind(manifest, _namespace(manifest)) + path_of(manifest["metadata"]["name"])

    def _kind(self, manifest: Mapping[str, Any], namespace: str) -> str:
        return self._path(manifest["apiVersion"], manifest["kind"], namespace)

    def _path(self, version: str, kind: str, namespace: str) -> str:
        found = self._resource(version, kind)
        if found is None:
            raise TargetNotReady(
                f"context {self.context}: the cluster has no {kind} ({version}); is what serves "
                "it installed?"
            )
        inside = ("namespaces", namespace) if found["namespaced"] and namespace else ()
        return path_of(*_root(version), *inside, found["name"])

    def _resource(self, version: str, kind: str) -> Object | None:
        """Asked for again while it is not there, since it may be installed meanwhile."""
        if (version, kind) not in self.kinds:
            answer = self.find(path_of(*_root(version))) or {}
            for one in answer.get("resources") or ():
                if "/" not in one["name"]:
                    self.kinds[version, one["kind"]] = one
        return self.kinds.get((version, kind))

    def _wait_established(self, name: str) -> None:
        deadline = self.clock.now() + ESTABLISHED_S
        place = path_of("apis", "apiextensions.k8s.io", "v1", "customresourcedefinitions", name)
        while True:
            seen = self.read(place).get("status", {}).get("conditions") or ()
            if any(one["type"] == "Established" and one["status"] == "True" for one in seen):
                return
            if self.clock.now() > deadline:
                said = "; ".join(one.get("message", "") for one in seen)
                raise TargetNotReady(
                    f"context {self.context}: the definition {name} is not served after "
                    f"{ESTABLISHED_S:.0f} s: {said}"
                )
            self.clock.sleep(LOOK_S)


def _root(version: str) -> tuple[str, ...]:
    return ("apis", *version.split("/")) if "/" in version else ("api", version)


def _namespace(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"].get("namespace", ""))


def _changed_by_us(dry_run: bool) -> dict[str, str]:
    return {"fieldManager": MANAGER, **({"dryRun": "All"} if dry_run else {})}


def _owned(error: Conflict, manifest: Mapping[str, Any]) -> Conflict:
    """``conflict with "kubectl" using apps/v1`` a field, as one line of who has what."""
    held: dict[str, list[str]] = {}
    for reason, field, message in error.causes:
        if reason == "FieldManagerConflict":
            who = message.split('"')[1] if '"' in message else message
            held.setdefault(who, []).append(field)
    if not held:
        return error
    said = "; ".join(f"{who} manages {', '.join(fields)}" for who, fields in held.items())
    what = f"{manifest['kind']} {manifest['metadata']['name']}"
    return Conflict(
        f"{what}: {said}; insurectl does not overwrite what another manager set: change it there, "
        "or let that manager give the field up",
        status=error.status,
        causes=error.causes,
    )
