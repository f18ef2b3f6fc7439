"""Talk and data keep apart."""

import json

import pytest

from insurectl.cli.console import Console, ConsoleProgress
from insurectl.records import Outcome, Recommendation
from tests.fake_system import FakeSystem
from tests.fakes import load_result


def test_quiet_silences_talk_but_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    progress = ConsoleProgress(Console(quiet=True))
    with progress.step("deploy"):
        progress.live("1/s")
        progress.warn("one zone only")
    streams = capsys.readouterr()
    assert streams.err == "warning: one zone only\n"
    assert streams.out == ""


def test_off_a_terminal_a_live_line_comes_once_in_a_while(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = ConsoleProgress(Console())
    for second in range(20):
        progress.live(f"second {second}")
    assert capsys.readouterr().err == "second 0\n"


def test_a_record_is_shown_as_strict_json(capsys: pytest.CaptureFixture[str]) -> None:
    Console(output="json").show(load_result("r", shortfall=float("nan")))
    shown = json.loads(capsys.readouterr().out)
    assert (shown["schema"], shown["shortfall"]) == ("insurectl/load/v1", None)


def test_a_table_has_no_colour_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Console().show(load_result("r", outcome=Outcome.INVALID, reasons=("host CPU 97 %",)))
    shown = capsys.readouterr().out
    assert "INVALID" in shown
    assert "host CPU 97 %" in shown
    assert "\x1b" not in shown


def test_no_line_is_broken_for_a_program(
    capsys: pytest.CaptureFixture[str], looped_once: FakeSystem
) -> None:
    advice = looped_once.runs.read(looped_once.run_id(), Recommendation)
    assert len(advice.rule) > 200
    Console().show(advice)
    assert advice.rule in [line.rstrip() for line in capsys.readouterr().out.splitlines()]
