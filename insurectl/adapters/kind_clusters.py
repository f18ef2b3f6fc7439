"""Clusters of containers, through the ``kind`` program and Docker."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from insurectl.adapters import programs
from insurectl.errors import InsurectlError, MissingOnMachine, TargetNotReady

HOW = "see https://kind.sigs.k8s.io/docs/user/quick-start/#installation for how to install it"
NETWORK = "kind"  # of Docker; every node of every cluster is on it
SHORT_S = 60.0
DELETE_S = 120.0
OVER_S = 240.0  # besides the wait for Ready: an image that has to be pulled, kubeadm
NO_DOCKER = (
    "Cannot connect to the Docker daemon",
    "failed to connect to the docker API",
    'exec: "docker"',
)
NOT_READY = "Timed out waiting for Ready"  # kind itself counts this as success


def context(cluster: str) -> str:
    """The name of its context in a kubeconfig."""
    return f"kind-{cluster}"


def control_plane(cluster: str) -> str:
    """The name of its container, and its host name on the network ``kind``."""
    return f"{cluster}-control-plane"


class KindClusters:
    """MissingOnMachine for no kind or no Docker, TargetNotReady with kind's last lines for what
    it can't do. Several may be made at once, from several threads."""

    def clusters(self) -> tuple[str, ...]:
        """The names of all that there are on this machine, by whomever they were made."""
        return tuple(self._run("get", "clusters").stdout.split())

    def nodes(self, name: str) -> tuple[str, ...]:
        """The names of its containers; empty for none."""
        return tuple(self._run("get", "nodes", "--name", name).stdout.split())

    def create(
        self,
        name: str,
        config: Mapping[str, Any],
        image: str | None,
        timeout_s: float,
        kubeconfig: Path,
    ) -> None:
        """Returns when its node is Ready and its context stands in ``kubeconfig`` (made with mode
        0600; the user's own is never touched).

        ``config``: a kind ``Cluster``, without its apiVersion and kind; ``image``: of the node,
        None for kind's own. A failure deletes what was begun, but never a cluster that was there.
        """
        if name in self.clusters():
            raise TargetNotReady(
                f"there is a kind cluster {name} already: `kind delete cluster --name {name}` if "
                "nobody needs it, or choose another system name (INSURECTL_NAME)"
            )
        try:
            self._create(name, config, image, timeout_s)
            self._export(name, kubeconfig)
        except BaseException as error:
            if "already exist for a cluster" not in str(error):  # made by another one just now
                self.delete(name, kubeconfig)
            raise

    def delete(self, name: str, kubeconfig: Path) -> None:
        """With its containers, volumes and its context in ``kubeconfig``; fine when it is gone."""
        with _locked(kubeconfig):
            flags = ("--name", name, "--kubeconfig", str(kubeconfig))
            self._run("delete", "cluster", *flags, timeout_s=DELETE_S)

    def load_images(self, name: str, images: Sequence[str], timeout_s: float = 300.0) -> None:
        """From this machine's Docker into every node, in one go."""
        self._run("load", "docker-image", *images, "--name", name, timeout_s=timeout_s)

    def kubeconfig(self, name: str, *, internal: bool = False) -> str:
        """Its text; ``internal``: with the address on the network ``kind`` instead of a port of
        this machine. It holds an administrator's key: never print it."""
        flags = ("--internal",) if internal else ()
        return self._run("get", "kubeconfig", "--name", name, *flags).stdout

    def _create(
        self, name: str, config: Mapping[str, Any], image: str | None, timeout_s: float
    ) -> None:
        head = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4"}
        with tempfile.TemporaryDirectory(prefix="insurectl-kind-") as folder:
            file = Path(folder, "cluster.json")
            file.write_text(json.dumps({**head, **config}), encoding="utf-8")
            # kind refuses to wait for a kubeconfig that another kind writes at the moment, so
            # each gets its own, and ours is written afterwards, one after the other
            own = ("--kubeconfig", str(Path(folder, "kubeconfig")))
            flags = ("--name", name, "--config", str(file), *own, "--wait", f"{timeout_s:.0f}s")
            chosen = ("--image", image) if image else ()
            done = self._run("create", "cluster", *flags, *chosen, timeout_s=timeout_s + OVER_S)
        if NOT_READY in done.stderr:
            raise TargetNotReady(
                f"kind cluster {name}: its node is not Ready after {timeout_s:.0f} s:\n"
                f"{done.last_lines}"
            )

    def _export(self, name: str, kubeconfig: Path) -> None:
        kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        with _locked(kubeconfig):
            self._run("export", "kubeconfig", "--name", name, "--kubeconfig", str(kubeconfig))

    def _run(self, *arguments: str, timeout_s: float = SHORT_S) -> programs.Done:
        command = [programs.find("kind", HOW), *arguments]
        done = programs.run(command, timeout_s, environment(os.environ))
        if done.code:
            raise _failed(arguments, done)
        return done


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Docker, and the network that the rest of insurectl knows, whatever kind was told to try."""
    kept = {name: value for name, value in env.items() if not name.startswith("KIND_")}
    return {**kept, "KIND_EXPERIMENTAL_PROVIDER": "docker"}


def _failed(arguments: Sequence[str], done: programs.Done) -> InsurectlError:
    said = done.last_lines.removeprefix("using docker due to KIND_EXPERIMENTAL_PROVIDER\n")
    text = f"kind {' '.join(arguments[:2])} failed:\n{said}"
    if any(sign in done.stderr for sign in NO_DOCKER):
        return MissingOnMachine(
            f"{text}\nIs Docker running, may you use it (`docker ps`), and is DOCKER_HOST right?"
        )
    if "pull" in done.stderr and "image" in done.stderr and arguments[:1] == ("create",):
        return TargetNotReady(
            f"{text}\nThe node image can't be pulled: load it (`docker load`) or name one that is "
            "on this machine"
        )
    return TargetNotReady(text)


@contextmanager
def _locked(kubeconfig: Path) -> Iterator[None]:
    """One writer at a time, of all threads and processes of insurectl."""
    if not kubeconfig.parent.is_dir():
        yield
        return
    place = kubeconfig.with_name(f".{kubeconfig.name}.insurectl-lock")
    with place.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
