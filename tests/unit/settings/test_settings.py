"""Layers, origins and refusals."""

import json
import os
from pathlib import Path

import pytest

from insurectl import settings
from insurectl.cli import app
from insurectl.errors import BadFile, BadInput, ExitCode


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


def test_it_is_known_whether_somebody_chose_a_value(tmp_path: Path) -> None:
    file = write(tmp_path, "seed: 7")
    loaded = settings.load({"registry": ""}, {"INSURECTL_NAME": "x"}, file)
    chosen = {name for name in settings.NAMES if loaded.given(name)}
    assert chosen == {"seed", "registry", "name"}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("name: x\nnmae: y", 2, "no setting 'nmae'; did you mean name", id="unknown"),
        pytest.param("name: x\n1: y", 2, "no setting '1'; there are: name, target", id="number"),
        pytest.param("name: x\n? [a]\n: y", 2, "has to be a text", id="a list as key"),
        pytest.param("name: x\n\nname: y", 3, "name: it is there twice", id="twice"),
        pytest.param("name: x\n\nclients: many", 3, "'many' can't be used", id="no number"),
        pytest.param("name: x\nclients: 1.5", 2, "1.5 can't be used", id="no whole number"),
        pytest.param("name: x\nclients: yes", 2, "True can't be used", id="on"),
        pytest.param("name: x\nclients: [5]", 2, r"\[5\] can't be used", id="a list"),
        pytest.param("name: x\nclients: {a: 5}", 2, "wanted is one value", id="a map"),
        pytest.param("name: x\nclients:", 2, "None can't be used", id="nothing"),
        pytest.param("name: 5", 1, "5 can't be used: .*string", id="no text"),
        pytest.param("clients: -1", 1, "greater", id="out of range"),
        pytest.param("slot: 256", 1, "less than or equal to 255", id="above the range"),
        pytest.param("scrape_interval_s: .nan", 1, "nan can't be used", id="nan"),
        pytest.param("scrape_interval_s: 2s", 1, "'2s' can't be used", id="a unit"),
        pytest.param("seed: " + "9" * 400, 1, "can't be used", id="400 digits"),
        pytest.param("seed: " + "9" * 9999, 1, "can't be read", id="9999 digits"),
        pytest.param("name: x\nstate: ''", 2, "'' is no folder", id="folder of no name"),
        pytest.param('state: "a\\0b"', 1, "is no folder", id="NUL in a folder"),
        pytest.param("state: ~nobody-of-that-name/x", 1, "can't be used", id="home of nobody"),
        pytest.param("allow_host: [[a]]", 1, "a list of values", id="list in a list"),
        pytest.param("name: x\nname2: &a [*a]", 2, "no setting", id="within itself"),
        pytest.param("name: x\nseed: !!python/name:os.system", 2, "can't be read", id="tag"),
        pytest.param("name: x\nseed: 2030-13-01", 2, "can't be read", id="no such day"),
        pytest.param("name: [", 1, "YAML", id="no YAML"),
        pytest.param("name: x\n\tseed: 1", 2, "YAML", id="tab"),
        pytest.param("- name", None, "settings with their values", id="a list of settings"),
        pytest.param("name", None, "settings with their values", id="a word"),
        pytest.param("name: " + "[" * 5000, None, "nested too deeply", id="nested"),
        pytest.param("name: \0", None, "no YAML", id="NUL"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int | None, message: str
) -> None:
    with pytest.raises(BadFile, match=message) as caught:
        settings.load({}, {}, write(tmp_path, text))
    assert caught.value.line == line
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("text", ["", "# nothing", "---"])
def test_a_file_may_say_nothing(tmp_path: Path, text: str) -> None:
    assert settings.load({}, {}, write(tmp_path, text)).name == "default"


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "insurectl.yaml"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(BadFile, match="no YAML"):
        settings.load({}, {}, path)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="can't be read: Is a directory"):
        settings.load({}, {}, tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        pytest.param("INSURECTL_PORT_BASE", "http", "PORT_BASE: 'http' can't", id="no number"),
        pytest.param("INSURECTL_CLIENTS", "0", "INSURECTL_CLIENTS: '0' can't", id="out of range"),
        pytest.param("INSURECTL_CLIENTS", "nan", "INSURECTL_CLIENTS: 'nan' can't", id="nan"),
        pytest.param("INSURECTL_CLEINTS", "5", "did you mean INSURECTL_CLIENTS", id="a typo"),
        pytest.param("INSURECTL_clients", "5", "is set, but there is no setting", id="small"),
        pytest.param("INSURECTL_CONFIG", "x", "is set, but there is no setting", id="only a flag"),
        pytest.param("INSURECTL_ORIGINS", "x", "is set, but there is no setting", id="our own"),
    ],
)
def test_a_bad_variable_is_named(variable: str, value: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        settings.load({}, {variable: value})
    assert caught.value.exit_code is ExitCode.USAGE


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert settings.load({}, {"INSURECTL_CLEINTS": ""}).clients == 5000


def test_a_name_that_would_leave_the_state_folder_is_refused() -> None:
    with pytest.raises(BadInput, match="--name"):
        settings.load({"name": "../other"}, {})


def test_a_file_that_was_asked_for_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file"):
        settings.load({}, {}, tmp_path / "absent.yaml")


def test_the_folder_of_the_user_is_written_out(tmp_path: Path) -> None:
    loaded = settings.load({"reports": Path("~/r")}, {}, write(tmp_path, "state: ~/s"))
    assert (loaded.state, loaded.reports) == (Path.home() / "s", Path.home() / "r")


@pytest.mark.parametrize("text", ["allow_host: [a.test, b.test]", "allow_host: a.test, b.test"])
def test_hosts_in_a_file_are_a_list_or_separated_by_commas(tmp_path: Path, text: str) -> None:
    assert settings.load({}, {}, write(tmp_path, text)).allow_host == ("a.test", "b.test")


def test_hosts_in_a_variable_are_separated_by_commas() -> None:
    loaded = settings.load({}, {"INSURECTL_ALLOW_HOST": "a.test, b.test"})
    assert loaded.allow_host == ("a.test", "b.test")


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        pytest.param({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/insurectl", id="own"),
        pytest.param({"HOME": "/h"}, "/h/.local/state/insurectl", id="home"),
        pytest.param(
            {"XDG_STATE_HOME": "s", "HOME": "/h"}, "/h/.local/state/insurectl", id="not absolute"
        ),
    ],
)
def test_the_state_follows_the_users_own_state_folder(env: dict[str, str], folder: str) -> None:
    assert settings.load({}, env).state == Path(folder)


# ---- config show ----


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with no setting from outside."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith(settings.PREFIX)]:
        monkeypatch.delenv(variable)
    return tmp_path


def test_config_show_tells_where_each_value_came_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "clients: 10\nseed: 8\n")
    monkeypatch.setenv("INSURECTL_SEED", "9")
    assert app.run(["config", "show", "--origin", "--name", "mine", "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert set(shown["settings"]) == set(shown["origins"]) == set(settings.NAMES)
    assert (shown["settings"]["seed"], shown["origins"]["seed"]) == (9, "INSURECTL_SEED")
    assert (shown["settings"]["name"], shown["origins"]["name"]) == ("mine", "flag")
    assert shown["origins"]["clients"] == "insurectl.yaml:1"
    assert shown["origins"]["target"] == "default"


def test_config_show_as_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, "allow_host: [a.test, b.test]\n")
    assert app.run(["config", "show", "--origin"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "allow_host = a.test, b.test  (insurectl.yaml:1)" in lines
    assert "seed = 7  (default)" in lines


@pytest.mark.usefixtures("folder")
def test_a_typo_in_a_variable_ends_with_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INSURECTL_SEAD", "9")
    assert app.run(["config", "show"]) == ExitCode.USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert "did you mean INSURECTL_SEED" in told.err


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        pytest.param("external_edge", "http://edge:abc", "it is no URL: Port", id="no port"),
        pytest.param("external_edge", "http://edge:99999", "it is no URL: Port", id="no such port"),
        pytest.param("external_edge", "http://edge:0", "there is no port 0", id="port 0"),
        pytest.param("external_edge", "http://[::1", "it is no URL", id="no address"),
        pytest.param("external_edge", "edge:8080", "wanted is http://HOST", id="no scheme"),
        pytest.param("external_edge", "http://", "wanted is http://HOST", id="no host"),
        pytest.param("external_edge", "http://a b", "wanted is http://HOST", id="a space"),
        pytest.param("external_edge", "http://me:pw@edge", "name or password", id="a password"),
        pytest.param("prometheus_image", "prom/prometheus", "match pattern", id="no tag"),
        pytest.param("prometheus_image", "reg:5000/prometheus", "match pattern", id="port, no tag"),
        pytest.param("prometheus_image", "p:v1 x", "match pattern", id="a space in an image"),
    ],
)
def test_addresses_and_images_are_looked_at_before_anything_is_made(
    name: str, value: str, told: str
) -> None:
    with pytest.raises(BadInput, match=told) as refused:
        settings.load({}, {f"INSURECTL_{name.upper()}": value})
    assert "pw" not in f"{refused.value}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("external_edge", ""),
        ("external_edge", "http://edge"),
        ("external_edge", "https://[2001:db8::1]:8443/x"),
        ("prometheus_image", "prom/prometheus:v3.16.0"),
        ("prometheus_image", "reg.example:5000/a/prometheus:v3"),
        ("chart_values", "my values.yaml"),
    ],
)
def test_those_that_are_well_are_taken_as_they_are(name: str, value: str) -> None:
    loaded = settings.load({name: value}, {})
    assert getattr(loaded, name) == value
