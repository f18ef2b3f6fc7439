"""One process of the load generator: ``python -m insurectl.adapters.locust.child JOB``.

The only file that imports locust, which patches the whole process for gevent. JOB is a JSON
file (``Job``). Lines on stdin: ``go T`` (the start, by ``time.monotonic``), ``on`` (the parent is
still there), ``stop``; the end of stdin means that the parent is gone. JSON lines on stdout, by
``kind``: ``ready``, ``bad`` (the journey can't be played), ``tick`` (one a second: what was
counted since), ``end``; ``lost``: it had to stop by itself, for a ``reason``.
"""

from locust import FastHttpUser  # isort: skip # first: it patches what the others import

import gc
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped] # it has no types
from gevent.monkey import get_original  # type: ignore[import-untyped] # it has no types
from locust.env import Environment
from pydantic import TypeAdapter

from insurectl.adapters.locust.connection import Connection
from insurectl.adapters.locust.job import Job
from insurectl.adapters.locust.player import Player
from insurectl.errors import BadFile

OTHER_FILES = 64  # pipes, the event loop's, what a journey opens
PATIENCE_S = 2.0  # after the order to stop; a journey that never yields is not waited for
_OUT = os.fdopen(os.dup(1), "w")
_REAL_SLEEP = get_original("time", "sleep")
_REAL_SELECT = get_original("select", "select")


def connector(job: Job) -> Callable[[], Connection]:
    """Makes connections as a FastHttpUser does, one for a session."""

    class Client(FastHttpUser):
        host = job.base_url
        network_timeout = job.timeout_s
        connection_timeout = job.connect_timeout_s
        concurrency = 1
        insecure = False

    environment = Environment(user_classes=[Client], host=job.base_url)

    def connect() -> Connection:
        session = Client(environment).client
        headers = {"Authorization": session.auth_header} if session.auth_header else {}
        return Connection(session.client, session.base_url or job.base_url, headers)

    return connect


def tell(kind: str, **values: Any) -> None:
    """One line for the parent."""
    _OUT.write(json.dumps({"kind": kind, **values}) + "\n")
    _OUT.flush()


def main(job_file: str) -> int:
    """0 when it could play."""
    os.dup2(2, 1)  # what a journey prints is no message to the parent
    job = TypeAdapter(Job).validate_json(Path(job_file).read_bytes())
    return play(job, Parent(tell=tell, start_s=float))


@dataclass(frozen=True, kw_only=True)
class Parent:
    """How its parent is spoken to. ``start_s``: what the parent calls the start, by
    ``time.monotonic``; ``patience_s``: without any order for so long the parent is taken for
    gone (None: only when stdin ends)."""

    tell: Callable[..., None]
    start_s: Callable[[str], float]
    patience_s: float | None = None


def play(job: Job, parent: Parent) -> int:
    """Get ready, wait for the order, play; 0 when it could."""
    job = _within_file_limit(job)
    try:
        player = Player(job, connector(job), parent.tell)
        if job.child == 0:
            player.prepare()
    except BadFile as error:
        parent.tell("bad", message=str(error))
        return 2
    try:
        return _when_told(player, parent)
    finally:
        if job.child == 0:
            player.finish()


def _when_told(player: Player, parent: Parent) -> int:
    _rarely_look_for_garbage()
    parent.tell("ready")
    words = _in_a_thread(lambda: _order(parent))
    if words[:1] != ["go"]:
        return 0
    start_s = parent.start_s(words[1])
    gevent.spawn(_stop_when_told, player, parent)
    player.play(start_s)
    if player.bad is not None:
        parent.tell("bad", message=str(player.bad))
        return 2
    return 0


def _in_a_thread(read: Callable[[], list[str]]) -> list[str]:
    """In a real one: the other greenlets go on meanwhile."""
    words: list[str] = gevent.get_hub().threadpool.apply(read)
    return words


def _order(parent: Parent) -> list[str]:
    """The words of the next order; none when the parent is gone."""
    words = ["on"]
    while words == ["on"]:
        line = bytearray()
        while (byte := _byte(parent)) not in {b"", b"\n"}:
            line += byte
        words = line.decode().split()
    return words


def _byte(parent: Parent) -> bytes:
    if parent.patience_s is not None and not _REAL_SELECT([0], [], [], parent.patience_s)[0]:
        parent.tell("lost", reason=f"no word came from insurectl for {parent.patience_s:g} s")
        return b""
    return os.read(0, 1)


def _stop_when_told(player: Player, parent: Parent) -> None:
    _in_a_thread(lambda: _last_order(parent))
    player.stop()


def _last_order(parent: Parent) -> list[str]:
    """It is to stop, or the parent is gone."""
    words = _order(parent)
    get_original("_thread", "start_new_thread")(_leave_late, ())
    return words


def _leave_late() -> None:
    _REAL_SLEEP(PATIENCE_S)
    os._exit(1)


def _rarely_look_for_garbage() -> None:
    """What was imported is here to stay, and to look through all objects at once takes so long
    that arrivals would wait for it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 1000)


def _within_file_limit(job: Job) -> Job:
    """Each connection is a file. Where fewer are allowed than asked for, arrivals begin late, and
    that makes the run invalid; a failed request would look like the system's fault."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return job
    return replace(job, sessions=max(1, min(job.sessions, hard - OTHER_FILES)))


if __name__ == "__main__":
    try:
        code = main(sys.argv[1])
    except BrokenPipeError:  # the parent is gone, nobody listens
        code = 1
    except BaseException:  # to the log, then out
        traceback.print_exc()
        code = 70
    sys.stderr.flush()
    os._exit(code)  # requests may still be open, and a thread still reads stdin
