"""``simulate --hpa``: what is typed, shown, drawn and refused."""

from pathlib import Path

import pytest

from tests.fake_system import FakeSystem
from tests.unit.cli.conftest import Call

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
CPU, RPS = f"{EXAMPLES / 'hpa-cpu.yaml'}", f"{EXAMPLES / 'hpa-rps.yaml'}"
TRACE = "trace.txt"


@pytest.fixture
def trace(tmp_path: Path) -> str:
    path = tmp_path / TRACE
    path.write_text("30\n" * 300 + "90\n" * 300)
    return f"{path}"


def test_autoscalers_are_shown_side_by_side(
    insurectl: Call, looped_once: FakeSystem, trace: str
) -> None:
    said = insurectl(looped_once, "simulate", "--hpa", CPU, "--hpa", RPS, "--trace", trace)
    assert said.code == 0, said.err
    assert said.out.startswith("simulated: 0.1667 h of ")
    assert "36,000 requests, at most 90/s" in said.out
    assert "cpu-80" in said.out
    assert "rps-22" in said.out
    assert "note: simulated; nothing was measured" in said.out


def test_the_record_has_a_schema_and_each_play(
    insurectl: Call, looped_once: FakeSystem, trace: str
) -> None:
    line = ("simulate", "--hpa", RPS, "--trace", trace, "--scale", "2", "-o", "json")
    found = insurectl(looped_once, *line).json()
    assert found["schema"] == "insurectl/playbacks/v1"
    assert (found["lasted_s"], found["peak_rps"]) == (600, 180)
    (one,) = found["played"]
    assert one["name"] == "rps-22"
    assert one["replicas_most"] >= 9


def test_files_whose_autoscalers_are_called_alike_are_told_apart(
    insurectl: Call, looped_once: FakeSystem, trace: str, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(Path(CPU).read_text())
    line = ("simulate", "--hpa", CPU, "--hpa", f"{other}", "--trace", trace, "-o", "json")
    names = [one["name"] for one in insurectl(looped_once, *line).json()["played"]]
    assert names == ["hpa-cpu", "other"]


@pytest.mark.parametrize(
    ("name", "begins"), [("day.png", b"\x89PNG"), ("day.svg", b"<?xml")], ids=["png", "svg"]
)
def test_it_is_drawn(
    insurectl: Call, looped_once: FakeSystem, trace: str, tmp_path: Path, name: str, begins: bytes
) -> None:
    picture = tmp_path / name
    line = ("simulate", "--hpa", CPU, "--trace", trace, "--picture", f"{picture}")
    said = insurectl(looped_once, *line)
    assert said.code == 0, said.err
    assert picture.read_bytes().startswith(begins)
    assert f"drawn: {picture}" in said.err


def test_a_runs_model_can_stand_for_the_application(
    insurectl: Call, looped_once: FakeSystem, trace: str
) -> None:
    line = ("simulate", looped_once.run_id(), "--hpa", RPS, "--trace", trace, "-o", "json")
    assert insurectl(looped_once, *line).json()["slo_ms"] != 500


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param(("--hpa", CPU), "--hpa needs traffic", id="no trace"),
        pytest.param(("--trace", TRACE), "give its file with --hpa", id="no autoscaler"),
        pytest.param(
            ("--hpa", CPU, "--trace", TRACE, "--picture", "day.gif"), ".png or .svg", id="picture"
        ),
        pytest.param(
            ("--hpa", CPU, "--trace", TRACE, "--startup", "soon"), "--startup 'soon'", id="time"
        ),
        pytest.param(
            ("--hpa", CPU, "--trace", TRACE, "--sync", "500ms"), "whole seconds", id="half a second"
        ),
        pytest.param(
            ("--hpa", CPU, "--trace", TRACE, "--cpu-request", "much"), "--cpu-request: ", id="cpu"
        ),
        pytest.param(
            ("--hpa", CPU, "--trace", TRACE, "--cpu-request", "0"), "no request for cpu", id="none"
        ),
        pytest.param(("--hpa", CPU, "--trace", TRACE, "--workers", "0"), "--workers", id="workers"),
        pytest.param(("--hpa", "no.yaml", "--trace", TRACE), "no.yaml can't be read", id="no file"),
        pytest.param(("--hpa", CPU, "--trace", "no.txt"), "no.txt can't be read", id="no such"),
        pytest.param(
            ("--hpa", CPU, "--trace", TRACE, "--picture", "no/such/day.png"), "can't be written",
            id="no folder",
        ),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("trace")
def test_what_can_not_be_played_is_said(
    insurectl: Call, looped_once: FakeSystem, more: tuple[str, ...], told: str
) -> None:
    said = insurectl(looped_once, "simulate", *more)
    assert said.code == 2, said.err
    assert told in said.err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param(
            ("--hpa", CPU, "--trace", TRACE, "--part", "tune"), "--part: not used", id="part"
        ),
        pytest.param(
            ("--hpa", CPU, "--trace", TRACE, "--seed", "7", "--zones", "2"),
            "--zones, --seed: not used with --hpa", id="as it would be anyway",
        ),
        pytest.param(
            ("RUN", "--hpa", RPS, "--trace", TRACE, "--workers", "2"), "--workers: the model of",
            id="what the run says",
        ),
        pytest.param(("--cpu-ms", "5"), "--cpu-ms: only used with --hpa", id="no autoscaler"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("trace")
def test_what_would_change_nothing_is_refused(
    insurectl: Call, looped_once: FakeSystem, more: tuple[str, ...], told: str
) -> None:
    said = insurectl(looped_once, "simulate", *more)
    assert said.code == 2, said.err
    assert told in said.err
