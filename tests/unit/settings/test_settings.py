"""Layers, origins and refusals."""

from pathlib import Path

import pytest

from insurectl import settings
from insurectl.errors import BadFile, BadInput


def write(folder: Path, text: str) -> Path:
    path = folder / "insurectl.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "env", "flags", "seed", "origin"),
    [
        pytest.param("", {}, {}, 7, "default", id="default"),
        pytest.param("name: x\nseed: 8", {}, {}, 8, ":2", id="file over default"),
        pytest.param("seed: 8", {"INSURECTL_SEED": "9"}, {}, 9, "INSURECTL_SEED", id="variable"),
        pytest.param("seed: 8", {"INSURECTL_SEED": "9"}, {"seed": 10}, 10, "flag", id="flag"),
        pytest.param("seed: 8", {}, {"seed": None}, 8, ":1", id="a flag not given"),
        pytest.param("", {"INSURECTL_SEED": ""}, {}, 7, "default", id="an empty variable"),
    ],
)
def test_a_later_layer_wins_and_is_the_origin(
    tmp_path: Path,
    text: str,
    env: dict[str, str],
    flags: dict[str, object],
    seed: int,
    origin: str,
) -> None:
    loaded = settings.load(flags, env, write(tmp_path, text))
    assert loaded.seed == seed
    assert loaded.origins["seed"].endswith(origin)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("name: x\nnmae: y", 2, "nmae", id="unknown key"),
        pytest.param("name: x\n\nclients: many", 3, "many", id="no number"),
        pytest.param("clients: -1", 1, "greater", id="out of range"),
        pytest.param("name: [", 1, "YAML", id="no YAML"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    with pytest.raises(BadFile, match=message) as caught:
        settings.load({}, {}, write(tmp_path, text))
    assert caught.value.line == line


def test_a_bad_variable_is_named() -> None:
    with pytest.raises(BadInput, match="INSURECTL_PORT_BASE"):
        settings.load({}, {"INSURECTL_PORT_BASE": "http"})


def test_a_name_that_would_leave_the_state_folder_is_refused() -> None:
    with pytest.raises(BadInput, match="--name"):
        settings.load({"name": "../other"}, {})


def test_a_file_that_was_asked_for_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file"):
        settings.load({}, {}, tmp_path / "absent.yaml")


def test_hosts_in_a_variable_are_separated_by_commas() -> None:
    loaded = settings.load({}, {"INSURECTL_ALLOW_HOST": "a.test, b.test"})
    assert loaded.allow_host == ("a.test", "b.test")


def test_the_state_follows_the_users_own_state_folder() -> None:
    assert settings.load({}, {"XDG_STATE_HOME": "/s"}).state == Path("/s/insurectl")
