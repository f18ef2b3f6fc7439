"""Releases of charts, through the ``helm`` program (3.12 or newer, or 4).

Never ``--wait``: whoever calls waits and can say why a pod is not ready. Hooks are waited for by
helm itself. A helm that was killed leaves its release pending, in which state it refuses
everything; that is mended before anything else is done.
"""

import difflib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from insurectl.adapters import programs
from insurectl.errors import BadInput, MissingOnMachine, TargetNotReady

HOW = (
    "install Helm 3.12 or newer from your distribution, or see https://helm.sh/docs/intro/install/"
)
OLDEST = (3, 12)
KEPT_REVISIONS = 20
SHORT_S = 60.0  # a call that only reads
OVER_S = 30.0  # more than helm's own timeout
DEPLOYED, PENDING = "deployed", ("pending-upgrade", "pending-rollback")
UNFINISHED = ("pending-install", "uninstalling")
# where charts come from and credentials for them; all else of HELM_* would change which cluster,
# namespace or storage of releases is meant, or what is printed
KEPT = (
    *("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_CONTENT_CACHE"),
    *("HELM_PLUGINS", "HELM_REGISTRY_CONFIG", "HELM_REPOSITORY_CACHE", "HELM_REPOSITORY_CONFIG"),
)


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One line of a release's history; ``status`` in helm's words."""

    number: int
    status: str
    description: str


class Helm:
    """Releases of one cluster. Failures are TargetNotReady with helm's last lines; BadInput for a
    chart that is not there or values that its schema refuses."""

    def __init__(self, context: str, kubeconfig: Path | None = None) -> None:
        self.context, self.kubeconfig = context, kubeconfig

    @cached_property
    def version(self) -> tuple[int, int]:
        """(major, minor); MissingOnMachine for none or one that is too old."""
        done = programs.run(
            [programs.find("helm", HOW), "version", "--template", "{{.Version}}"],
            SHORT_S,
            environment(os.environ),
        )
        major, _, rest = done.stdout.strip().removeprefix("v").partition(".")
        minor = rest.partition(".")[0]
        if done.code or not (major.isdigit() and minor.isdigit()):
            raise MissingOnMachine(f"helm does not say its version: {done.last_lines}; {HOW}")
        if (found := (int(major), int(minor))) < OLDEST:
            raise MissingOnMachine(f"helm is {done.stdout.strip()}, which is too old: {HOW}")
        return found

    def upgrade_install(
        self,
        release: str,
        namespace: str,
        chart: Path | str,
        values: Mapping[str, Any],
        timeout_s: float,
        *,
        dry_run: bool = False,
        create_namespace: bool = False,
        hooks: bool = True,
    ) -> str:
        """Bring the release to exactly these values, over those of the chart; its manifest then.
        What others changed of its objects is set back, by each Helm: whoever calls looks first.

        ``chart``: a folder or file, or a name or address as helm knows them. ``timeout_s``: for
        each of its hooks, which ``hooks`` False leaves out. ``dry_run``: the API server is asked
        and checks every object, nothing changes.
        """
        _known(chart)
        if not dry_run:
            self.mend(release, namespace, timeout_s)
        flags = ["--install", "--reset-values", "--history-max", f"{KEPT_REVISIONS}"]
        flags += self._conflicts
        if create_namespace:
            flags.append("--create-namespace")
        if not hooks:
            flags.append("--no-hooks")
        if dry_run:
            flags.append("--dry-run=server" if self.version >= (3, 13) else "--dry-run")
        with _file(values) as file:
            said = self._change(
                *("upgrade", release, str(chart), "--values", str(file), "--output", "json"),
                *flags,
                namespace=namespace,
                timeout_s=timeout_s,
            )
        return str(json.loads(said)["manifest"])

    def history(self, release: str, namespace: str) -> tuple[Revision, ...]:
        """Oldest first; empty when there is no such release."""
        done = self._run("history", release, "--output", "json", namespace=namespace)
        if done.code:
            if "release: not found" in done.stderr:
                return ()
            raise self._failed("history", release, namespace, done)
        return tuple(
            Revision(
                number=int(one["revision"]),
                status=str(one["status"]),
                description=str(one.get("description", "")),
            )
            for one in json.loads(done.stdout)
        )

    def revision(self, release: str, namespace: str) -> int:
        """Of what is in force; 0 when nothing is."""
        numbers = [one.number for one in self.history(release, namespace) if _in_force(one)]
        return max(numbers, default=0)

    def values(self, release: str, namespace: str, revision: int | None = None) -> dict[str, Any]:
        """Those that were given, not the chart's own; of what is in force, or of a revision."""
        said = self._get("values", release, namespace, revision, "--output", "json")
        return dict(json.loads(said) or {})

    def manifest(self, release: str, namespace: str, revision: int | None = None) -> str:
        """What was rendered, as one YAML stream."""
        return self._get("manifest", release, namespace, revision)

    def rollback(self, release: str, namespace: str, revision: int, timeout_s: float) -> None:
        """Put an earlier revision in force again, as a new one."""
        self.mend(release, namespace, timeout_s)
        self._rollback(release, namespace, revision, timeout_s)

    def uninstall(self, release: str, namespace: str, timeout_s: float) -> bool:
        """False when there was no such release. Volumes of stateful sets stay: delete the
        namespace to be rid of them."""
        if not self.history(release, namespace):
            return False
        self._change("uninstall", release, namespace=namespace, timeout_s=timeout_s)
        return True

    def mend(self, release: str, namespace: str, timeout_s: float) -> str:
        """Bring a release that a killed helm left pending back to the last revision that was in
        force, or take it away when there is none; what was done, "" when nothing had to be."""
        history = self.history(release, namespace)
        if not history:
            return ""
        last = history[-1]
        good = [one.number for one in history if _in_force(one)]
        if last.status in PENDING and good:
            self._rollback(release, namespace, good[-1], timeout_s)
            return f"{release} was {last.status}: rolled back to revision {good[-1]}"
        if last.status in (*PENDING, *UNFINISHED):
            self._change("uninstall", release, namespace=namespace, timeout_s=timeout_s)
            return f"{release} was {last.status} and never in force: uninstalled"
        return ""

    def template(
        self, release: str, namespace: str, chart: Path | str, values: Mapping[str, Any]
    ) -> str:
        """Render without any cluster, for the Kubernetes that helm itself was built for."""
        _known(chart)
        with _file(values) as file:
            command = ["template", release, str(chart), "--values", str(file)]
            done = self._run(*command, namespace=namespace, cluster=False)
        if done.code:
            raise self._failed("template", release, namespace, done)
        return done.stdout

    def diff(
        self, release: str, namespace: str, chart: Path | str, values: Mapping[str, Any]
    ) -> str:
        """What ``upgrade_install`` would change, as a unified diff of the manifests; "" when
        nothing. Hooks are no part of it."""
        in_force = self.revision(release, namespace)
        before = self.manifest(release, namespace, in_force) if in_force else ""
        after = self.upgrade_install(release, namespace, chart, values, SHORT_S, dry_run=True)
        return "".join(
            difflib.unified_diff(
                f"{before.rstrip()}\n".splitlines(keepends=True),
                f"{after.rstrip()}\n".splitlines(keepends=True),
                f"{namespace}/{release} in force",
                f"{namespace}/{release} wanted",
            )
        )

    def _rollback(self, release: str, namespace: str, revision: int, timeout_s: float) -> None:
        kept = ("--history-max", f"{KEPT_REVISIONS}", *self._conflicts)
        self._change(
            "rollback", release, f"{revision}", *kept, namespace=namespace, timeout_s=timeout_s
        )

    @property
    def _conflicts(self) -> tuple[str, ...]:
        """Helm 4 applies on the server, where a field that another manager changed is a conflict;
        before, Helm just set it."""
        return ("--server-side=true", "--force-conflicts") if self.version >= (4, 0) else ()

    def _get(
        self, what: str, release: str, namespace: str, revision: int | None, *flags: str
    ) -> str:
        number = revision or self.revision(release, namespace)
        if not number:
            raise TargetNotReady(
                f"context {self.context}: there is no release {release} in {namespace}"
            )
        wanted = ("--revision", f"{number}")
        done = self._run("get", what, release, *wanted, *flags, namespace=namespace)
        if done.code:
            raise self._failed(f"get {what}", release, namespace, done)
        return done.stdout

    def _change(self, verb: str, release: str, *rest: str, namespace: str, timeout_s: float) -> str:
        timeout = ("--timeout", f"{timeout_s:.0f}s")
        limit_s = 2 * timeout_s + OVER_S  # a hook before and one after
        done = self._run(verb, release, *rest, *timeout, namespace=namespace, limit_s=limit_s)
        if done.code:
            raise self._failed(verb, release, namespace, done)
        return done.stdout

    def _run(
        self, *arguments: str, namespace: str, limit_s: float = SHORT_S, cluster: bool = True
    ) -> programs.Done:
        _ = self.version  # a helm that is missing or too old is told first
        command = [programs.find("helm", HOW), *arguments, "--namespace", namespace]
        if cluster:
            command += ["--kube-context", self.context]
            if self.kubeconfig is not None:
                command += ["--kubeconfig", str(self.kubeconfig)]
        return programs.run(command, limit_s, environment(os.environ))

    def _failed(
        self, verb: str, release: str, namespace: str, done: programs.Done
    ) -> BadInput | TargetNotReady:
        text = (
            f"context {self.context}: helm {verb} of {release} in {namespace} failed:\n"
            f"{done.last_lines}"
        )
        if "values don't meet the specifications of the schema" in done.stderr:
            return BadInput(text)
        return TargetNotReady(
            f"{text}\nSee `helm --kube-context {self.context} -n {namespace} history {release}` "
            f"and `kubectl --context {self.context} -n {namespace} get pods,jobs`"
        )


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Without what would have helm mean another cluster or store than the one that is named."""
    return {
        name: value for name, value in env.items() if not name.startswith("HELM_") or name in KEPT
    }


@contextmanager
def _file(values: Mapping[str, Any]) -> Iterator[Path]:
    """Values in a file of our own (mode 0600), since a command line can be read by everybody."""
    number, name = tempfile.mkstemp(prefix="insurectl-values-", suffix=".json")
    path = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(values, file)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _known(chart: Path | str) -> None:
    if isinstance(chart, Path) and not chart.exists():
        raise BadInput(f"there is no chart at {chart}")


def _in_force(revision: Revision) -> bool:
    return revision.status == DEPLOYED
