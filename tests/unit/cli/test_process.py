"""insurectl as a process: pipes, terminals, signals and shells."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
INSURECTL = [sys.executable, "-m", "insurectl"]
COLOUR = re.compile(r"\x1b\[[\d;]*(3[1-7]|9[1-7])m")


def environment(home: Path, **changes: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("INSURECTL_")}
    return {**kept, "HOME": f"{home}", "PYTHONPATH": f"{ROOT}", "TERM": "xterm", **changes}


def run(home: Path, line: Sequence[str], **changes: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        line, cwd=home, env=environment(home, **changes), capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["version"], 0),
        (["config", "show", "-o", "json"], 0),
        (["--help"], 0),
        (["deploy", "--dry-run"], 0),
        (["status"], 4),
    ],
    ids=["version", "config", "help", "dry run", "not ready"],
)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_went_away_is_no_error(
    tmp_path: Path, arguments: list[str], code: int, stream: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writer}
    done = subprocess.run(
        [*INSURECTL, *arguments], cwd=tmp_path, env=environment(tmp_path), check=False, **streams
    )  # type: ignore[call-overload] # the streams by name
    os.close(writer)
    assert done.returncode == code
    assert b"Broken" not in (done.stdout or b"") + (done.stderr or b"")


def test_closed_streams_are_no_error(tmp_path: Path) -> None:
    done = run(tmp_path, ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *INSURECTL, "version"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, ["sh", "-c", 'exec "$@" >/dev/full', "sh", *INSURECTL, "version"])
    assert done.returncode == 3
    assert "no space is left" in done.stderr


@pytest.mark.parametrize("flag", ["--reports", "--state"])
def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path, flag: str) -> None:
    (tmp_path / "file").write_text("")
    command = ["status"] if flag == "--state" else [
        "load", "osago_peak", "--base-url", "http://127.0.0.1:9"
    ]  # fmt: skip
    done = run(tmp_path, [*INSURECTL, *command, flag, "file"])
    assert done.returncode == 2
    assert "Not a directory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    done = run(
        tmp_path,
        [*INSURECTL, "load", "osago_peak", "--base-url", "http://127.0.0.1:9", "--reports",
         f"{closed}"],
    )  # fmt: skip
    assert done.returncode == 2
    assert "Permission denied; give a folder that is yours" in done.stderr


@pytest.mark.parametrize("variable", ["INSURECTL_NMAE", "INSURECTL_SEED"])
def test_a_variable_that_can_not_be_used_is_told(tmp_path: Path, variable: str) -> None:
    done = run(tmp_path, [*INSURECTL, "config", "show"], **{variable: "x"})
    assert done.returncode == 2
    assert variable in done.stderr


# ---- signals ----

SCENARIO = """schema: insurectl/scenario/v1
name: slow
title: One a second
journey: slow.py
load: {stages: [{duration: 60s, rate: 1}]}
"""
JOURNEY = """from insurectl.scenario import Journey, task


class Slow(Journey):
    @task()
    def look(self) -> None:
        self.http.get("/", name="look")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_load_and_the_run_is_kept(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "slow.yaml").write_text(SCENARIO)
    (tmp_path / "slow.py").write_text(JOURNEY)
    with socket.socket() as taken:  # bound, and nobody listens: every request is refused
        taken.bind(("127.0.0.1", 0))
        process = subprocess.Popen(
            [*INSURECTL, "load", "slow.yaml", "-o", "json", "--base-url",
             f"http://127.0.0.1:{taken.getsockname()[1]}"],
            cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        assert "due" in process.stderr.readline()  # it plays
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    shown = json.loads(out)
    assert shown["outcome"] == "interrupted"
    folder = tmp_path / "reports" / shown["run_id"]
    assert json.loads((folder / "00-run.json").read_text())["status"] == "interrupted"
    assert (folder / "report.html").exists()


# ---- a terminal ----


def typed(home: Path, line: Sequence[str], answer: str = "", **changes: str) -> tuple[int, str]:
    """On a terminal; ``answer`` is typed once there is a question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *line],  # so that Ctrl-C is a signal
        cwd=home, env=environment(home, **changes), stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    for _ in range(30):
        if not select.select([ours], [], [], 1.0)[0]:
            if b"[y/N]" in said:  # Ctrl-C just before it reads is seen only with the next key
                os.write(ours, answer.encode())
            continue
        try:
            part = os.read(ours, 4096)
        except OSError:  # its end is closed: so a terminal says that all is read
            break
        if b"[y/N]" in part:
            os.write(ours, answer.encode())
        said += part
    os.close(ours)
    return process.wait(timeout=30), said.decode()


SHOW = "from insurectl.cli.console import Console; from tests.fakes import load_result; {}"
VERDICT = [sys.executable, "-c", SHOW.format("Console().show(load_result())")]


def test_a_verdict_has_a_colour_on_a_terminal(tmp_path: Path) -> None:
    assert COLOUR.search(typed(tmp_path, VERDICT)[1])


def test_no_color_is_honoured(tmp_path: Path) -> None:
    said = typed(tmp_path, VERDICT, NO_COLOR="1")[1]
    assert "PASS" in said
    assert not COLOUR.search(said)


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        pytest.param("y\n", 0, "peak is gone", id="yes"),
        pytest.param("n\n", 130, "nothing was changed", id="no"),
        pytest.param("\x04", 130, "nothing was changed", id="end of input"),
        pytest.param("\x03", 130, "nothing was changed", id="Ctrl-C"),
    ],
)
def test_on_a_terminal_people_are_asked(tmp_path: Path, answer: str, code: int, said: str) -> None:
    line = [*INSURECTL, "destroy", "--name", "peak", "--state", f"{tmp_path / 'state'}"]
    found, told = typed(tmp_path, line, answer)
    assert "Stop peak and delete its data?" in told
    assert said in told
    assert found == code


# ---- shell completion ----


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("insurectl lo", {"logs", "load"}),
        ("insurectl ag", set()),  # what people do not start
        ("insurectl simulate --se", {"--settings", "--seed", "--service-ms", "--service-cv"}),
    ],
)
def test_a_shell_completes(tmp_path: Path, words: str, offered: set[str]) -> None:
    program = Path(sys.executable).with_name("insurectl")
    done = run(
        tmp_path, [f"{program}"], _INSURECTL_COMPLETE="complete_bash", COMP_WORDS=words,
        COMP_CWORD=str(len(words.split()) - 1),
    )  # fmt: skip
    assert set(done.stdout.split()) == offered


def test_completion_can_be_shown_and_installed(tmp_path: Path) -> None:
    for flag, said in (
        ("--show-completion", "_insurectl_completion"),
        ("--install-completion", "installed in"),
    ):
        line = ["bash", "-c", f'"$0" -m insurectl {flag}; exit $?', sys.executable]
        done = run(tmp_path, line)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    assert "insurectl" in (tmp_path / ".bashrc").read_text()
