from pathlib import Path
from typing import Any

import pytest

from insurectl.adapters import docker_container, docker_engine, docker_state
from insurectl.errors import MissingOnMachine


def inspected(status: str, **told: Any) -> dict[str, Any]:
    return {"State": {"Status": status, "Pid": 7, "ExitCode": 3, **told}, "RestartCount": 2}


@pytest.mark.parametrize(
    ("found", "state", "detail"),
    [
        pytest.param(inspected("running"), "healthy", "", id="no health check"),
        pytest.param(
            inspected("running", Health={"Status": "healthy"}), "healthy", "", id="healthy"
        ),
        pytest.param(
            inspected("running", Health={"Status": "starting"}),
            "starting",
            "no health check was passed yet",
            id="starting",
        ),
        pytest.param(
            inspected("running", Health={"Status": "unhealthy", "Log": [{"Output": "a\nb\n"}]}),
            "unhealthy",
            "b",
            id="unhealthy says the last line",
        ),
        pytest.param(
            inspected("running", Health={"Status": "unhealthy", "Log": []}),
            "unhealthy",
            "its health check fails",
            id="unhealthy without a word",
        ),
        pytest.param(inspected("paused"), "unhealthy", "paused", id="paused"),
        pytest.param(
            inspected("restarting"),
            "unhealthy",
            "ended with exit code 3; Docker starts it again",
            id="ends again and again",
        ),
        pytest.param(
            inspected("exited", OOMKilled=True),
            "stopped",
            "ended with exit code 3, out of memory",
            id="out of memory",
        ),
        pytest.param(
            inspected("created", Error="port is taken"), "stopped", "port is taken", id="no start"
        ),
    ],
)
def test_a_container_is_seen_in_the_words_of_a_status(
    found: dict[str, Any], state: str, detail: str
) -> None:
    seen = docker_state.seen(found, None)
    assert (seen.state, seen.detail, seen.restarts) == (state, detail, 2)


@pytest.mark.parametrize(
    ("stats", "mib"),
    [
        pytest.param({}, None, id="not running"),
        pytest.param({"memory_stats": {"usage": 3 << 20}}, 3.0, id="usage alone"),
        pytest.param(
            {"memory_stats": {"usage": 3 << 20, "stats": {"total_inactive_file": 1 << 20}}},
            2.0,
            id="control groups v1",
        ),
        pytest.param(
            {"memory_stats": {"usage": 3 << 20, "stats": {"inactive_file": 2 << 20}}},
            1.0,
            id="control groups v2",
        ),
    ],
)
def test_memory_is_what_the_kernel_cannot_drop(stats: dict[str, Any], mib: float | None) -> None:
    assert docker_state.memory_mib(stats) == mib


def test_no_docker_is_told_with_its_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(MissingOnMachine, match=r"none\.sock: it is not installed or not started"):
        docker_engine.connect()


def test_a_socket_that_may_not_be_used_is_told() -> None:
    told = docker_state.no_docker("unix:///x", PermissionError(13, "Permission denied"))
    assert "usermod -aG docker" in f"{told}"


def test_a_container_has_no_rights_and_opens_ports_on_loopback_only(tmp_path: Path) -> None:
    options = docker_container.options(
        "edge", network="n", config=tmp_path, secrets=None, volume=None, ports={8080: 18080}
    )
    assert options["user"] == "10001:10001"
    assert options["read_only"]
    assert options["cap_drop"] == ["ALL"]
    assert options["ports"] == {"8080/tcp": ("127.0.0.1", 18080)}


def test_other_content_of_a_mounted_folder_is_another_container(tmp_path: Path) -> None:
    (tmp_path / "values.json").write_text("{}")
    before = docker_container.digest(["image"], [tmp_path])
    assert docker_container.digest(["image"], [tmp_path]) == before
    (tmp_path / "values.json").write_text('{"port": 1}')
    assert docker_container.digest(["image"], [tmp_path]) != before
