"""Docker: builds the system's images, and runs what stands beside the clusters of kind.

The one door to the ``docker`` library. Whatever it makes carries the label ``insurectl.system``
and only that is ever taken away.
"""

import os
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import insurectl
from insurectl.adapters import docker_container, docker_state, image_source
from insurectl.adapters.docker_state import Seen
from insurectl.adapters.image_source import source_tree, tag_of
from insurectl.errors import BadInput, InsurectlError, TargetNotReady
from insurectl.ports import Progress

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

__all__ = ["DockerEngine", "connect", "source_tree", "tag_of"]

SYSTEM, SPEC = "insurectl.system", "insurectl.spec"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
TARGETS = ("service", "platform")
LAST_LINES = 15
STOP_S = 30
PAUSE_TRIES = 5
HEALTH = ["/opt/platform/start.py", "health"]


def connect() -> "DockerEngine":
    """MissingOnMachine when there is no Docker, it does not answer, or may not be asked."""
    import docker  # noqa: PLC0415 # heavy
    from docker.errors import DockerException  # noqa: PLC0415
    from requests import RequestException  # noqa: PLC0415

    where = os.environ.get("DOCKER_HOST", "")
    try:
        chosen = None if where else docker.ContextAPI.get_current_context()  # as kind chooses it
        where = where or (chosen.Host if chosen else None) or ""
        docker_state.knock(where)
        if chosen is None:
            return DockerEngine(docker.from_env(version="auto"))
        tls = chosen.TLSConfig or False
        return DockerEngine(docker.DockerClient(base_url=where or None, version="auto", tls=tls))
    except (DockerException, RequestException, OSError) as error:
        raise docker_state.no_docker(where or "its usual socket", error) from error


@dataclass(frozen=True)
class DockerEngine:
    """TargetNotReady, with Docker's own words, for what it refuses."""

    client: "DockerClient"

    def __post_init__(self) -> None:
        weakref.finalize(self, self.client.close)  # its connections go when it goes

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"{self.client.api.base_url}"

    def build(self, source: Path, names: tuple[str, str], progress: Progress) -> None:
        """The images of service and platform, unless they are there under these names.

        TargetNotReady with the last lines when one can't be built.
        """
        for target, name in zip(TARGETS, names, strict=True):
            if not self.has_image(name):
                with progress.step(f"building {name}"):
                    self._build(source, target, name, progress)

    def has_image(self, name: str) -> bool:
        """Whether it is on this machine."""
        from docker.errors import ImageNotFound  # noqa: PLC0415

        with _told(f"image {name}"):
            try:
                self.client.images.get(name)
            except ImageNotFound:
                return False
        return True

    def run(
        self,
        name: str,
        image: str,
        role: str,
        *,
        system: str,
        network: str,
        config: Path,
        secrets: Path | None = None,
        volume: str | None = None,
        ports: Mapping[int, int] | None = None,
    ) -> None:
        """A container of the platform image; one that runs as it is wanted is left alone.

        ``config``, ``secrets``: folders to be mounted to read, which user 10001 must be able to;
        ``volume``: where its own volume is mounted; ``ports``: container -> loopback of this
        machine. BadInput when another's container has the name.
        """
        options = docker_container.options(
            role,
            network=network,
            config=config,
            secrets=secrets,
            volume=(name, volume) if volume else None,
            ports=ports or {},
        )
        folders = [folder for folder in (config, secrets) if folder]
        spec = docker_container.digest([image, options], folders)
        if self._runs(name, system, spec):
            return
        with _told(f"container {name}"):
            if volume:
                self.client.volumes.create(name, labels={SYSTEM: system})
            labels = {SYSTEM: system, SPEC: spec}
            made = self.client.containers.create(
                image, name=name, hostname=name, labels=labels, **options
            )
            try:
                made.start()
            except BaseException:
                made.remove(force=True, v=True)
                raise

    def await_healthy(self, names: Iterable[str], within_s: float) -> None:
        """TargetNotReady, with the last lines of the first that is not healthy in time."""
        deadline = time.monotonic() + within_s
        for name in names:
            while (found := self.look(name)).state != "healthy":
                if time.monotonic() > deadline or found.state in ("stopped", "gone"):
                    said = [] if found.state == "gone" else self.logs(name, lines=LAST_LINES)
                    told = f"container {name} is {found.state} ({found.detail or 'not there'})"
                    raise TargetNotReady("\n".join([f"{told} after {within_s:.0f} s:", *said]))
                time.sleep(0.25)

    def look(self, name: str) -> Seen:
        """As it is now; one that Docker does not know to be healthy is asked itself."""
        container = self._find(name)
        if container is None:
            return Seen(state="gone")
        with _told(f"container {name}"):
            used = None
            if container.status == "running":
                stats = self.client.api.stats(name, stream=False, one_shot=True)
                used = docker_state.memory_mib(stats)
            found = docker_state.seen(container.attrs, used)
            if container.status == "running" and found.state != "healthy" and _healthy(container):
                return replace(found, state="healthy", detail="")
        return found

    def execute(self, name: str, command: Sequence[str]) -> str:
        """What a program in the container says; TargetNotReady when it fails."""
        with _told(f"container {name}"):
            code, output = self._need(name).exec_run(list(command))
        said = b"".join([output] if isinstance(output, bytes) else output).decode(errors="replace")
        if code:
            raise TargetNotReady(f"{name}: {command[0]} ended with {code}: {said.strip()}")
        return said

    def logs(self, name: str, *, lines: int, follow: bool = False) -> Iterator[str]:
        """The last lines, and with ``follow`` those that come."""
        with _told(f"logs of {name}"):
            container = self._need(name)
            if not follow:
                text = container.logs(tail=lines).decode(errors="replace")
                yield from text.splitlines()
                return
            half = b""
            with closing(container.logs(stream=True, follow=True, tail=lines)) as stream:
                for chunk in stream:
                    *whole, half = (half + chunk).split(b"\n")
                    yield from (line.decode(errors="replace") for line in whole)

    def kill(self, name: str) -> None:
        """As a power cut; fine when it does not run."""
        container = self._need(name)
        with _told(f"killing {name}"):
            if container.status in ("running", "paused", "restarting"):
                container.kill()

    def stop(self, name: str) -> None:
        """In peace, within 30 s; fine when it does not run."""
        with _told(f"stopping {name}"):
            self._need(name).stop(timeout=STOP_S)

    def start(self, name: str) -> None:
        """Fine when it runs."""
        with _told(f"starting {name}"):
            self._need(name).start()

    def pause(self, name: str) -> None:
        """Every process in it stands still; fine when it does already."""
        container = self._need(name)
        for tries_left in reversed(range(PAUSE_TRIES)):
            try:
                with _told(f"pausing {name}"):
                    if container.status != "paused":
                        container.pause()
                break
            except TargetNotReady as error:  # processes that start just then escape at times
                if "unable to freeze" not in f"{error}" or not tries_left:
                    raise

    def unpause(self, name: str) -> None:
        """Fine when it is not paused."""
        container = self._need(name)
        with _told(f"unpausing {name}"):
            if container.status == "paused":
                container.unpause()

    def ensure_runs(self, name: str) -> None:
        """Whether it was stopped or paused."""
        self.unpause(name)
        self.start(name)

    def has_network(self, name: str) -> bool:
        """Whether there is a network of just this name."""
        with _told("networks"):
            return any(found.name == name for found in self.client.networks.list(names=[name]))

    def remove_network_if_unused(self, name: str) -> None:
        """Fine when it is gone, or when a container is on it."""
        with _told(f"network {name}"):
            for found in self.client.networks.list(names=[name]):
                found.reload()
                if found.name == name and not found.attrs.get("Containers"):
                    found.remove()

    def remove_all(self, system: str) -> None:
        """Containers and volumes with the system's label, and volumes without a name of theirs."""
        mine: dict[str, str | list[str] | bool] = {"label": f"{SYSTEM}={system}"}
        with _told(f"what belongs to {system}"):
            for container in self.client.containers.list(all=True, filters=mine):
                container.remove(force=True, v=True)
            for volume in self.client.volumes.list(filters=mine):
                volume.remove(force=True)

    def _build(self, source: Path, target: str, name: str, progress: Progress) -> None:
        tag = name.rpartition(":")[2]
        arguments = {"VERSION": insurectl.__version__, "REVISION": tag}
        arguments |= {key: os.environ[key] for key in PROXIES if os.environ.get(key)}
        with _told(f"building {name}"):
            events = self.client.api.build(
                path=f"{source}", dockerfile="system/Dockerfile", target=target, tag=name,
                buildargs=arguments, network_mode="host", rm=True, forcerm=True, decode=True,
            )  # fmt: skip
            image_source.follow(events, f"the image {name} can't be built from {source}", progress)

    def _runs(self, name: str, system: str, spec: str) -> bool:
        """Whether it runs as wanted; ours that differs is taken away, with its own volume kept."""
        there = self._find(name)
        if there is None:
            return False
        if there.labels.get(SYSTEM) != system:
            raise BadInput(
                f"there is a container {name} that insurectl did not make for system {system}: "
                "remove or rename it, or take another --name"
            )
        if there.labels.get(SPEC) == spec and there.status in ("running", "paused"):
            self.unpause(name)
            return True
        with _told(f"container {name}"):
            if there.status == "running":
                there.stop(timeout=STOP_S)
            there.remove(force=True)
        return False

    def _find(self, name: str) -> "Container | None":
        from docker.errors import NotFound  # noqa: PLC0415

        with _told(f"container {name}"):
            try:
                return self.client.containers.get(name)
            except NotFound:
                return None

    def _need(self, name: str) -> "Container":
        found = self._find(name)
        if found is None:
            raise TargetNotReady(f"there is no container {name}; `insurectl deploy` makes it")
        return found


def _healthy(container: "Container") -> bool:
    """Docker checks each 10 s only, and calls one unhealthy that it has just let go on."""
    from docker.errors import APIError  # noqa: PLC0415

    try:
        return container.exec_run(HEALTH).exit_code == 0
    except APIError:  # it has just ended
        return False


@contextmanager
def _told(what: str) -> Iterator[None]:
    """An error of Docker's becomes one of ours."""
    from docker.errors import DockerException  # noqa: PLC0415
    from requests import RequestException  # noqa: PLC0415

    try:
        yield
    except InsurectlError:
        raise
    except DockerException as error:
        said = getattr(error, "explanation", None) or error
        raise TargetNotReady(f"Docker refuses, {what}: {said}") from error
    except RequestException as error:
        raise TargetNotReady(f"Docker does not answer, {what}: {error}") from error
