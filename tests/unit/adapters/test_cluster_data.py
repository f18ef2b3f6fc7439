"""The partners' keys on their way out of the pod that made them."""

import subprocess
from pathlib import Path

import pytest

from insurectl.adapters.cluster_data import keep_keys, keys_told
from insurectl.adapters.local_data import PARTNERS
from insurectl.adapters.local_state import LocalState
from insurectl.errors import TargetNotReady

KEYS = "".join(f"pk_{number}\n" for number in range(PARTNERS))


def told(script: str, file: Path) -> subprocess.CompletedProcess[str]:
    """What the pod's shell makes of a seed command, whose last argument is the keys' file."""
    command = keys_told(["sh", "-c", script, "seed"], f"{file}")
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_one_command_makes_the_keys_tells_nothing_else_and_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "partner keys"
    done = told('echo "5 added"; echo pk_1 > "$2"', file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "pk_1\n", "5 added\n")
    assert not file.exists()


def test_a_seed_that_fails_tells_no_key_and_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    done = told('echo pk_1 > "$2"; exit 3', file)
    assert (done.returncode, done.stdout) == (3, "")
    assert not file.exists()


def test_a_seed_that_writes_no_keys_is_a_failure(tmp_path: Path) -> None:
    assert told("true", tmp_path / "keys").returncode != 0


@pytest.mark.parametrize(
    "keys", [pytest.param("", id="none"), pytest.param("pk_1\n", id="not of all")]
)
def test_the_keys_of_before_stay_where_new_ones_lack(keys: str, tmp_path: Path) -> None:
    state = LocalState(tmp_path)
    state.secrets.mkdir()
    keep_keys(state, "insure-x-a", KEYS)
    with pytest.raises(TargetNotReady, match=rf"insure-x-a told {len(keys.split())} keys of 50"):
        keep_keys(state, "insure-x-a", keys)
    assert state.partner_keys.read_text() == KEYS
    assert state.partner_keys.stat().st_mode & 0o777 == 0o600
