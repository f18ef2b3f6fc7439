"""Exit codes, streams and what a user sees of an error."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from insurectl import wiring
from insurectl.cli import app, doctor, version
from insurectl.cli.options import Session, code_of
from insurectl.errors import ExitCode, TargetNotReady
from insurectl.records import Outcome
from insurectl.settings import NAMES, load
from tests.fakes import ListProgress


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def failing(error: BaseException) -> object:
    def command(session: Session) -> None:
        """Fail."""
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        pytest.param(TargetNotReady("core-app: 0 of 2"), 4, "core-app: 0 of 2", id="ours"),
        pytest.param(KeyboardInterrupt(), 130, "", id="Ctrl-C"),
        pytest.param(OSError(errno.ENOSPC, "full"), 3, "no space", id="disk full"),
        pytest.param(ValueError("odd"), 70, "--debug", id="bug"),
    ],
)
def test_an_error_is_a_line_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr(version, "version", failing(error))
    assert app.run(["version"]) == code
    streams = capsys.readouterr()
    assert said in streams.err
    assert "Traceback" not in streams.err
    assert streams.out == ""


def test_debug_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(version, "version", failing(ValueError("odd")))
    assert app.run(["version", "--debug"]) == ExitCode.BUG
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["explode"], id="unknown command"),
        pytest.param(["status", "--colour"], id="unknown flag"),
        pytest.param(["scale", "core-app", "many"], id="no number"),
        pytest.param(["status", "-o", "xml"], id="unknown form"),
        pytest.param(["config", "show", "--name", "../x"], id="bad setting"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert app.run(arguments) == ExitCode.USAGE


@pytest.mark.parametrize("command", app.COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([command, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_data_can_be_read_by_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["config", "show", "--origin", "-o", "json", "--name", "peak"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["schema"] == "insurectl/config/v1"
    assert (shown["settings"]["name"], shown["origins"]["name"]) == ("peak", "flag")
    assert app.run(["version", "-o", "yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["schema"] == "insurectl/version/v1"


def test_doctor_ends_with_3_when_something_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("insurectl.adapters.doctor.PACKAGES", {"no-such": "package-x"})
    assert doctor.__name__
    assert app.run(["doctor"]) == ExitCode.MISSING
    assert "package-x" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("outcome", "failed", "code"),
    [
        (Outcome.PASS, ExitCode.THRESHOLDS_MISSED, 0),
        (Outcome.FAIL, ExitCode.THRESHOLDS_MISSED, 99),
        (Outcome.FAIL, ExitCode.VERIFICATION_FAILED, 96),
        (Outcome.INVALID, ExitCode.THRESHOLDS_MISSED, 98),
        (Outcome.INTERRUPTED, ExitCode.THRESHOLDS_MISSED, 130),
    ],
)
def test_every_outcome_has_its_exit_code(outcome: Outcome, failed: ExitCode, code: int) -> None:
    assert code_of(outcome, failed) == code


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from insurectl.cli.app import run; run(['--help']);"
        "heavy = {'pandas', 'numpy', 'matplotlib', 'locust', 'gevent', 'pydantic', 'requests',"
        " 'prometheus_api_client', 'psycopg', 'jinja2', 'insurectl.wiring', 'insurectl.ports'};"
        "found = heavy & set(sys.modules); print(found, file=sys.stderr); sys.exit(len(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_target_that_there_is_not_names_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert app.run(["status", "--target", "moon"]) == ExitCode.USAGE
    assert "no target 'moon'; there are: local, kind, kubeconfig" in capsys.readouterr().err


def test_a_run_keeps_every_setting_as_text(tmp_path: Path) -> None:
    settings = load({"name": "peak"}, {"HOME": f"{tmp_path}"})
    world = wiring.connect(settings, ListProgress())
    assert set(world.settings) == set(NAMES)
    assert world.settings["name"] == "peak"
    assert world.scrape_interval_s == settings.scrape_interval_s
