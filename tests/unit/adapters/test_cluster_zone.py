import signal
import threading
import time
from pathlib import Path

import pytest

from insurectl.adapters import cluster_zone, programs
from insurectl.adapters.clock import SystemClock
from insurectl.adapters.cluster_ground import Site
from insurectl.errors import BadInput, TargetNotReady
from tests.unit.adapters.test_programs import SLEEPS, children, there_before  # noqa: F401

NOWHERE = """
clusters: [{name: x, cluster: {server: "http://127.0.0.1:9"}}]
contexts: [{name: x, context: {cluster: x, user: x}}]
users: [{name: x, user: {token: x}}]
"""


def fails(error: Exception) -> None:
    raise error


def test_every_reason_is_told_once() -> None:
    done: list[int] = []
    tasks = [
        lambda: fails(BadInput("this")),
        lambda: done.append(1),
        lambda: fails(TargetNotReady("that")),
        lambda: fails(TargetNotReady("that")),
    ]
    with pytest.raises(BadInput, match=r"^this\nthat$"):
        cluster_zone.at_once(tasks)
    assert done == [1]


def test_who_is_interrupted_waits_for_no_thread(tmp_path: Path) -> None:
    """Neither for its program, nor for what it looks for, nor for what it would begin next."""
    config = tmp_path / "kubeconfig"
    config.write_text(NOWHERE)
    site = Site(zone="a", context="x", namespace="n", kubeconfig=config)
    begun: list[str] = []

    def two_programs() -> None:
        programs.run(SLEEPS, 60)
        programs.run(["touch", f"{tmp_path / 'next'}"], 60)

    tasks = [
        two_programs,
        lambda: cluster_zone.await_answer(site, 300.0, SystemClock()),
        lambda: begun.append("x"),
    ]
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        while len(children()) < 2:
            time.sleep(0.02)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    began_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        cluster_zone.at_once(tasks)
    assert time.monotonic() - began_s < 15
    assert children() == []
    assert not (tmp_path / "next").exists()
    programs.go_on()  # what takes back may begin programs again
