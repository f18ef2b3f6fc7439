"""A deploy that can't be: the right exit code, a message that says why, and nothing left."""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from insurectl.adapters import process
from insurectl.adapters.local_state import LocalState

pytestmark = pytest.mark.system
PORT_BASE = 27000  # away from a system that a user may have deployed
COMMAND = [sys.executable, "-m", "insurectl", "deploy", "--clients", "50"]
ROOT = os.geteuid() == 0
# mounts of its own; an ordinary user has them only as the root of a user namespace
APART = ["unshare", *([] if ROOT else ["--map-root-user"]), "--mount", "/bin/sh", "-euc"]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[LocalState]:
    """Where the system would stand; whatever is left there afterwards fails the test."""
    state = LocalState(tmp_path / "state" / "default")
    yield state
    left = process.below(state.folder, state.runtime)
    process.kill(left)
    assert left == []
    assert not state.folder.exists()
    assert not state.runtime.exists()


def environment(state: LocalState) -> Mapping[str, str]:
    told = {"INSURECTL_STATE": f"{state.folder.parent}", "INSURECTL_PORT_BASE": f"{PORT_BASE}"}
    return {**os.environ, **told}


def deploy(state: LocalState, *command: str) -> tuple[int, str]:
    """The exit code, and what was said."""
    done = subprocess.run(
        command or COMMAND, env=environment(state), capture_output=True, text=True, check=False,
        timeout=200,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def apart(script: str, *arguments: str) -> list[str]:
    """The script among its own mounts; ``$@`` is the deploy."""
    if subprocess.run([*APART, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody have mounts of their own")
    return [*APART, script, "sh", *arguments, *COMMAND]


def test_a_port_that_is_taken_names_who_has_it(state: LocalState) -> None:
    with socket.create_server(("0.0.0.0", PORT_BASE + 81)):
        code, said = deploy(state)
    assert code == 3
    assert f"port {PORT_BASE + 81}" in said
    assert f"pid {os.getpid()}" in said


def test_without_postgresql_it_says_how_to_get_it(state: LocalState) -> None:
    code, said = deploy(state, *apart('mount -t tmpfs none /usr/lib/postgresql; exec "$@"'))
    assert code == 3
    assert "initdb is not installed" in said
    assert "apt-get install --no-install-recommends" in said


def test_too_small_a_disk_is_told_before_anything_starts(state: LocalState) -> None:
    state.folder.parent.mkdir()
    script = 'mount -t tmpfs -o size=64m none "$1"; shift; exec "$@"'
    code, said = deploy(state, *apart(script, f"{state.folder.parent}"))
    assert code == 3
    assert "64 MiB are free" in said
    assert "INSURECTL_STATE" in said


@pytest.mark.skipif(not ROOT, reason="servers don't run as the root of a user namespace")
@pytest.mark.parametrize(
    "step",
    [
        pytest.param("outside/postgresql/base", id="PostgreSQL is made"),
        pytest.param("outside/log/postgresql.log", id="PostgreSQL starts"),
        pytest.param("zones/a/log/gateway-access.json", id="the zones start"),
    ],
)
def test_a_disk_that_fills_up_during_the_deploy(state: LocalState, step: str) -> None:
    """It is full from the moment on at which that file is there."""
    state.folder.parent.mkdir()
    script = """root=$1 step=$2; shift 2
        mount -t tmpfs -o size=520m none "$root"
        ( until [ -e "$root/default/$step" ]; do sleep 0.02; done
          exec dd if=/dev/zero of="$root/filler" bs=1M 2>/dev/null ) &
        code=0; "$@" || code=$?
        kill $! || true
        [ "$(ls -A "$root")" = filler ] || { ls -AR "$root"; exit 1; }
        exit $code"""
    code, said = deploy(state, *apart(script, f"{state.folder.parent}", step))
    assert (code, "pace" in said) == (3, True), said


@pytest.mark.skipif(ROOT, reason="root may write everywhere")
def test_a_folder_of_somebody_else(state: LocalState) -> None:
    locked = state.folder.parent
    locked.mkdir(mode=0o500)
    code, said = deploy(state)
    locked.chmod(0o700)
    assert code == 2
    assert "INSURECTL_STATE" in said


def test_a_folder_that_is_a_file(state: LocalState) -> None:
    state.folder.parent.touch()
    code, said = deploy(state)
    assert code == 2
    assert "INSURECTL_STATE" in said
    state.folder.parent.unlink()


@pytest.mark.parametrize("moment", range(3))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_an_interrupt_stops_everything(
    state: LocalState, number: signal.Signals, moment: int
) -> None:
    pause_s = random.Random(moment).uniform(0.5, 5)
    with subprocess.Popen(COMMAND, env=environment(state), stderr=subprocess.DEVNULL) as running:
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(pause_s)
        running.send_signal(number)
        running.send_signal(number)  # as people do
        assert running.wait(60) == 130
