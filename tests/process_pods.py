"""A cluster for loads whose pods are processes of this machine: the real worker in each."""

import base64
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from insurectl.adapters.locust.cluster_objects import CREDENTIALS, INPUTS, ROOM
from insurectl.errors import TargetNotReady

Object = dict[str, Any]
LOOK_S = 0.02


class Done(NamedTuple):
    code: int
    stdout: str
    stderr: str


@dataclass
class Pod:
    name: str
    index: int
    folder: Path
    process: "subprocess.Popen[bytes]"

    @property
    def log(self) -> Path:
        return self.folder / "stdout"

    def seen(self) -> Object:
        code = self.process.poll()
        state: Object = {"running": {}}
        phase = "Running"
        if code is not None:
            phase = "Failed" if code else "Succeeded"
            state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
        status = {"phase": phase, "containerStatuses": [{"state": state}]}
        return {"metadata": {"name": self.name}, "status": status}


@dataclass
class ProcessPods:
    """Speaks as ``ClusterApi``. ``folder``: where the pods' mounts are."""

    folder: Path
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    running: list[Pod] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, manifest: Mapping[str, Any], /) -> Object:
        made = {**manifest, "metadata": {**manifest["metadata"], "uid": "1"}}
        self.objects[manifest["kind"], manifest["metadata"]["name"]] = made
        return made

    def list_objects(
        self, version: str, kind: str, namespace: str, labels: Mapping[str, str], /
    ) -> list[Object]:
        if kind != "Pod":
            return [one for (name, _), one in self.objects.items() if name == kind]
        index = labels.get("batch.kubernetes.io/job-completion-index")
        with self.lock:
            self._start(labels["batch.kubernetes.io/job-name"])
            return [one.seen() for one in self.running if index in {None, str(one.index)}]

    def delete(self, version: str, kind: str, namespace: str, name: str, /) -> bool:
        with self.lock:
            there = self.objects.pop((kind, name), None)
            if kind == "Job":
                for pod in self.running:
                    pod.process.terminate()
                    pod.process.wait()
                self.running.clear()
        return there is not None

    def logs(
        self, namespace: str, pod: str, container: str, /, *, lines: int, follow: bool
    ) -> Iterator[str]:
        found = self._pod(pod)
        with found.log.open(encoding="utf-8") as log:
            rest = ""
            while True:
                alive = found.process.poll() is None
                rest += log.read()
                *whole, rest = rest.split("\n")
                yield from (line.replace(str(found.folder / "room"), ROOM) for line in whole)
                if not (alive and follow):
                    return
                time.sleep(LOOK_S)

    def execute(self, namespace: str, pod: str, container: str, command: Sequence[str], /) -> Done:
        here = str(self._pod(pod).folder / "room")
        words = [word.replace(ROOM, here) for word in command]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    def events(self, namespace: str, /) -> Sequence[Any]:
        return ()

    def _pod(self, name: str) -> Pod:
        for pod in self.running:
            if pod.name == name:
                return pod
        raise TargetNotReady(f"no pod {name}")

    def _start(self, job: str) -> None:
        wanted = self.objects.get(("Job", job))
        if wanted is None or self.running or not self._mountable(wanted, job):
            return
        for index in range(wanted["spec"]["completions"]):
            self.running.append(self._run(wanted, job, index))

    def _mountable(self, wanted: Object, job: str) -> bool:
        volumes = wanted["spec"]["template"]["spec"]["volumes"]
        with_credentials = any("secret" in volume for volume in volumes)
        return ("ConfigMap", job) in self.objects and (
            not with_credentials or ("Secret", job) in self.objects
        )

    def _run(self, wanted: Object, job: str, index: int) -> Pod:
        folder = self.folder / f"{job}-{index}"
        mounts = {
            INPUTS: folder / "inputs",
            ROOM: folder / "room",
            CREDENTIALS: folder / "credentials",
        }
        for mount in mounts.values():
            mount.mkdir(parents=True)
        self._fill(mounts[INPUTS], self.objects["ConfigMap", job]["binaryData"])
        if ("Secret", job) in self.objects:
            self._fill(mounts[CREDENTIALS], self.objects["Secret", job]["data"])
        [container] = wanted["spec"]["template"]["spec"]["containers"]
        env = {**os.environ, "JOB_COMPLETION_INDEX": str(index)}
        for one in container["env"]:
            value = one["value"]
            for there, here in mounts.items():
                value = value.replace(there, str(here))
            env[one["name"]] = value
        with (folder / "stdout").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *container["command"][1:]],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return Pod(f"{job}-{index}-x", index, folder, process)

    @staticmethod
    def _fill(mount: Path, content: Mapping[str, str]) -> None:
        for name, packed in content.items():
            (mount / name).write_bytes(base64.b64decode(packed))
