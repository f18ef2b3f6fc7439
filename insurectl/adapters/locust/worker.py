"""A child that plays in a pod: ``python -m insurectl.adapters.locust.worker``.

What differs from ``child``: its job lies in a mounted ConfigMap and its number in the environment,
orders come through a named pipe (``kubectl exec`` writes into it), and times are the node's clock.
Its lines carry a ``sequence``, so that a lost one is missed, and ``at_s``, so that clocks can be
compared; ticks also say how much CPU was used (``Meter``).
"""

from insurectl.adapters.locust import child  # isort: skip # first: it patches what others import

import json
import os
import signal
import sys
import threading
import time
import traceback
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from insurectl.adapters.locust.job import Job
from insurectl.adapters.locust.meter import Meter

INPUTS, ORDERS = "inputs.zip", "orders"
PATIENCE_S = 60.0  # its parent says a word four times as often
TOLD_OF_LOG = 2000  # characters


@dataclass
class Speech:
    """Lines of this worker, numbered."""

    out_fd: int
    meter: Meter
    log: Path

    def __post_init__(self) -> None:
        self._sequence = 0
        self._one_at_a_time = threading.Lock()  # the thread that reads orders tells too

    def tell(self, kind: str, **values: Any) -> None:
        """One line for the parent."""
        if kind == "tick":
            values |= self.meter.reading()
        if kind in {"bad", "lost", "fault"}:
            values["log"] = self.log.read_text(errors="replace")[-TOLD_OF_LOG:]
        with self._one_at_a_time:
            line = {"kind": kind, "sequence": self._sequence, "at_s": time.time(), **values}
            self._sequence += 1
            rest = (json.dumps(line, separators=(",", ":")) + "\n").encode()
            while rest:
                rest = rest[os.write(self.out_fd, rest) :]

    def start_s(self, at: str) -> float:
        """``at``: by this node's clock. Says how long it is until then."""
        left_s = float(at) - time.time()
        self.tell("going", left_s=left_s)
        return time.monotonic() + left_s


def main(inputs: Path, room: Path) -> int:
    """``inputs``: where the job is mounted; ``room``: where it may write."""
    orders = room / ORDERS
    os.mkfifo(orders, 0o600)
    os.dup2(os.open(orders, os.O_RDWR), 0)  # for both, so that it never ends
    log = room / "log"
    out_fd = os.dup(1)
    log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log_fd, 1)  # what a journey prints would come between the lines
    os.dup2(log_fd, 2)
    speech = Speech(out_fd, Meter(), log)
    try:
        job = _job(inputs, room)
        parent = child.Parent(tell=speech.tell, start_s=speech.start_s, patience_s=PATIENCE_S)
        return child.play(job, parent)
    except BaseException:  # to the parent, since the pod and its log go away
        traceback.print_exc()
        sys.stderr.flush()
        speech.tell("fault")
        return 70


def _job(inputs: Path, room: Path) -> Job:
    """This worker's part, with the journey unpacked."""
    files = room / "files"
    with zipfile.ZipFile(inputs / INPUTS) as archive:
        archive.extractall(files)
    job = TypeAdapter(Job).validate_json((files / "job.json").read_bytes())
    return replace(
        job,
        child=int(os.environ["JOB_COMPLETION_INDEX"]),
        journey_file=str(files / job.journey_file),
        credentials_file=os.environ.get("LOAD_CREDENTIALS", ""),
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))  # the first process ignores it else
    code = main(Path(os.environ["LOAD_INPUTS"]), Path(os.environ["LOAD_ROOM"]))
    os._exit(code)  # requests may still be open, and a thread still reads orders
