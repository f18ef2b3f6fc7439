"""A scenario parses, or says in which line what is wrong."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insurectl.adapters import scenario_load
from insurectl.adapters.scenario_file import bundled_names, load_scenario, scenarios_folder
from insurectl.errors import BadFile, BadInput, ExitCode
from insurectl.planning.workload import scenario_rates
from insurectl.records import PlannedFault, Scenario, Stage, Threshold

HEAD = """schema: insurectl/scenario/v1
name: mine
title: Mine
journey: mine.py
"""
LOAD = """load:
  stages:
    - {duration: 10s, rate: 5}
    - {duration: 5s, ramp_to: 1}
"""
TRACE = """load:
  trace: {file: t.txt, tune: [0s, 4s], verify: [4s, 8s], peak_rps: 50}
"""
LOOP = """plan: loop
calibrate: {service: core-app, slo: {quantile: 0.95, ms: 600}, start_rps: 5, max_rps: 40,
  step: 10s, search_steps: 6, around_repeats: 2}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """A scenario's file with all that it names beside it."""
    (tmp_path / "mine.py").write_text("")
    (tmp_path / "t.txt").write_text("1\n2\n3\n4\n5\n6\n7\n8\n0\n0\n")

    def scenario(text: str) -> str:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return str(path)

    return scenario


def test_the_least_that_is_needed(write: Callable[[str], str], tmp_path: Path) -> None:
    scenario = load_scenario(write(HEAD + LOAD))
    assert scenario.stages == (
        Stage(duration_s=10, start=5, end=5),
        Stage(duration_s=5, start=5, end=1),
    )
    assert (scenario.model, scenario.arrivals, scenario.plan) == ("open", "poisson", "play")
    assert (scenario.seed, scenario.warmup_s) == (7, 0)
    assert scenario.journey_file == str(tmp_path / "mine.py")
    assert not (scenario.thresholds)
    assert not (scenario.aborts)
    assert not (scenario.faults)
    assert not (scenario.services)


def test_all_that_can_be_said(write: Callable[[str], str]) -> None:
    text = (
        HEAD
        + """load: {model: open, arrivals: even, seed: 9, warmup: 2s, stages: [
  {duration: 1m, rate: 3}]}
slo: [{metric: latency_p95_ms, max: 800}, {metric: status_429_count, min: 1, request: mine}]
abort: [{metric: error_ratio, above: 0.5, for: 5s}]
faults: [{at: 10s, until: 20s, zone: a, kind: kill}, {at: 30s, zone: a, kind: drain}]
data: {clients: 10, word: hello}
"""
        + LOOP
    )
    scenario = load_scenario(write(text))
    assert scenario.thresholds[1] == Threshold(
        metric="status_429_count", request="mine", limit=1, sense="min"
    )
    assert scenario.faults == (
        PlannedFault(at_s=10, until_s=20, zone="a", kind="kill"),
        PlannedFault(at_s=30, until_s=None, zone="a", kind="drain"),
    )
    assert scenario.data == {"clients": 10, "word": "hello"}
    assert scenario.calibration is not None
    assert (scenario.calibration.step_s, scenario.calibration.slo_quantile) == (10, 0.95)
    assert (scenario.warmup_s, scenario.seed, scenario.plan) == (2, 9, "loop")


def test_windows_of_a_trace_are_scaled_by_the_peak_of_all_of_it(
    write: Callable[[str], str],
) -> None:
    scenario = load_scenario(write(HEAD + TRACE))
    assert scenario_rates(scenario, part="tune") == (6.25, 12.5, 18.75, 25.0)
    assert scenario_rates(scenario, part="verify") == (31.25, 37.5, 43.75, 50.0)
    assert "multiplied by 6.25" in scenario.notes[0]


# ---- which scenario ----


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        pytest.param("osago_peek", "no scenario 'osago_peek'; did you mean osago_peak", id="near"),
        pytest.param("nothing", "there are: card_browse, evening, ", id="far"),
        pytest.param("probe", "no scenario 'probe'", id="another kind of file"),
        pytest.param("gone/trace.yaml", r"no file gone/trace.yaml.*did you mean trace", id="file"),
        pytest.param("../trace", r"no file \.\./trace", id="no way out of the folder"),
        pytest.param("", "is a folder", id="empty"),
    ],
)
def test_an_unknown_scenario_is_told_with_those_there_are(asked: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        load_scenario(asked)
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_folder_is_no_scenario(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a folder; wanted is a scenario's file or name"):
        load_scenario(str(tmp_path))


def test_a_name_too_long_for_a_file_is_refused_in_short() -> None:
    with pytest.raises(BadInput, match="can't be read: File name too long") as caught:
        load_scenario("n" * 5000)
    assert len(str(caught.value)) < 120


# ---- what is wrong in which line ----


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("name: a\n" + HEAD + LOAD, 3, "name: it is there twice", id="key twice"),
        pytest.param(HEAD, 1, "load is missing", id="no load"),
        pytest.param(HEAD + LOAD + "slo_: 5", 9, "no key 'slo_'; did you mean slo", id="unknown"),
        pytest.param(HEAD + LOAD + "plan: lop", 9, "no plan 'lop'; did you mean loop", id="word"),
        pytest.param(HEAD + LOAD + "plan: loop", 9, "needs a `calibrate:`", id="loop alone"),
        pytest.param(HEAD + "load: 5", 5, "wanted are keys with values", id="load a number"),
        pytest.param(HEAD + "load: {}", 5, "exactly one of stages, trace", id="load of nothing"),
        pytest.param(
            LOAD + HEAD.replace("v1", "v9"), 5, "did you mean insurectl/scenario/v1", id="schema"
        ),
        pytest.param(LOAD + HEAD.replace("mine.py", "gone.py"), 8, "no file", id="no journey"),
        pytest.param(LOAD + HEAD.replace("mine.py", "t.txt"), 8, "a Python file", id="no Python"),
        pytest.param(LOAD + HEAD.replace("mine.py", "n" * 999), 8, "too long", id="long path"),
        pytest.param(LOAD + HEAD.replace("mine.py", '"a\\0"'), 8, "can't be printed", id="NUL"),
        pytest.param(LOAD + HEAD.replace("name: mine", "name: ../a"), 6, "a name", id="bad name"),
        pytest.param(LOAD + HEAD + "data: {a: [1]}", 9, "data.a: wanted is a text", id="data"),
    ],
)
def test_a_bad_top_is_told_with_its_line(
    write: Callable[[str], str], text: str, line: int, message: str
) -> None:
    assert_refused(write(text), line, message)


@pytest.mark.parametrize(
    ("load", "line", "message"),
    [
        pytest.param("stages: [{duration: 9s, rate: -1}]", 6, "at least|from 0", id="negative"),
        pytest.param("stages: [{duration: 9s, rate: .nan}]", 6, "not finite", id="nan"),
        pytest.param("stages: [{duration: 9s, rate: .inf}]", 6, "not finite", id="inf"),
        pytest.param("stages: [{duration: 9s, rate: 2e6}]", 6, "from 0 to 1000000", id="too fast"),
        pytest.param("stages: [{duration: 0s, rate: 1}]", 6, "longer than 0s", id="no length"),
        pytest.param("stages: [{duration: 25h, rate: 1}]", 6, "the most is 86400s", id="over 24 h"),
        pytest.param("stages: [{duration: 9s, rate: 0}]", 6, "nothing to play", id="all rates 0"),
        pytest.param("stages: []", 6, "at least one item", id="no stages"),
        pytest.param("stages: [{rate: 1}]", 6, "duration is missing", id="no duration"),
        pytest.param("stages: [{duration: 9s}]", 6, "exactly one of rate", id="no rate"),
        pytest.param(
            "stages: [{duration: 9s, rate: 1, ramp_to: 2}]", 6, "there are rate and", id="both"
        ),
        pytest.param("stages: [{duration: 9s, users: 1}]", 6, "no key 'users'", id="users, open"),
        pytest.param(
            "stages:\n    - {duration: 23h, rate: 1}\n    - {duration: 2h, rate: 1}",
            8,
            "lasts 90000 s, the most is 86400 s",
            id="over 24 h together",
        ),
        pytest.param(
            "stages: [{duration: 2h, rate: 2000}]",
            5,
            "14,400,000 arrivals, the most is 10,000,000",
            id="too many arrivals",
        ),
        pytest.param(
            "warmup: 9s\n  stages: [{duration: 9s, rate: 1}]", 6, "nothing is left", id="warm-up"
        ),
        pytest.param("model: closd\n  stages: []", 6, "did you mean closed", id="model"),
        pytest.param(
            "model: closed\n  arrivals: even\n  stages: [{duration: 9s, users: 1}]",
            7,
            "only the open model",
            id="arrivals of users",
        ),
        pytest.param(
            "model: closed\n  stages: [{duration: 9s, users: 1.5}]", 7, "no whole", id="half a user"
        ),
        pytest.param(
            "model: closed\n  stages: [{duration: 9s, users: 1000000}]",
            7,
            "from 0 to 100000",
            id="too many users",
        ),
        pytest.param(
            "seed: 1.5\n  stages: [{duration: 9s, rate: 1}]", 6, "no whole number", id="seed"
        ),
    ],
)
def test_a_bad_load_is_told_with_its_line(
    write: Callable[[str], str], load: str, line: int, message: str
) -> None:
    assert_refused(write(f"{HEAD}load:\n  {load}\n"), line, message)


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        pytest.param("file: t.txt, tune: [0s, 4s], verify: [3s, 8s]", "overlap", id="overlap"),
        pytest.param("file: t.txt, tune: [3s, 8s], verify: [0s, 4s]", "overlap", id="the other"),
        pytest.param("file: t.txt, tune: [0s, 4s], verify: [4s, 11s]", "10 s", id="outside"),
        pytest.param("file: t.txt, tune: [4s, 0s], verify: [4s, 8s]", "two times", id="backwards"),
        pytest.param("file: t.txt, tune: [0s, 1s, 2s], verify: [4s, 8s]", "two times", id="three"),
        pytest.param("file: t.txt, tune: [0s, 500ms], verify: [4s, 8s]", "whole", id="half"),
        pytest.param("file: t.txt, tune: [0s, 4s], verify: [8s, 10s]", "every rate", id="silent"),
        pytest.param("file: x.txt, tune: [0s, 4s], verify: [4s, 8s]", "no file", id="no file"),
        pytest.param("file: ., tune: [0s, 4s], verify: [4s, 8s]", "no file", id="a folder"),
        pytest.param("file: t.txt, tune: [0s, 4s]", "verify is missing", id="nothing to verify"),
    ],
)
def test_a_bad_window_is_told_with_its_line(
    write: Callable[[str], str], trace: str, message: str
) -> None:
    assert_refused(write(f"{HEAD}load:\n  trace: {{{trace}, peak_rps: 50}}\n"), 6, message)


def test_a_trace_peaks_at_more_than_nothing(write: Callable[[str], str]) -> None:
    assert_refused(write(HEAD + TRACE.replace("peak_rps: 50", "peak_rps: 0")), 6, "more than 0")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        pytest.param("slo: [{metric: latancy_p95_ms, max: 1}]", "did you mean latency", id="near"),
        pytest.param("slo: [{metric: karma, max: 1}]", "no metric 'karma'; there are", id="metric"),
        pytest.param("slo: [{metric: error_ratio}]", "exactly one of max, min", id="no limit"),
        pytest.param("slo: [{metric: error_ratio, max: -1}]", "at least 0", id="negative limit"),
        pytest.param("slo: [{metric: error_ratio, max: 1, min: 0}]", "max and min", id="both"),
        pytest.param("slo: {metric: error_ratio, max: 1}", "a list", id="no list"),
        pytest.param("abort: [{metric: error_ratio, above: .5}]", "for is missing", id="abort"),
        pytest.param("faults: [{at: 15s, zone: a, kind: kill}]", "over by then", id="too late"),
        pytest.param(
            "faults: [{at: 1s, until: 16s, zone: a, kind: kill}]", "over by", id="ends too late"
        ),
        pytest.param("faults: [{at: 2s, until: 1s, zone: a, kind: kill}]", "after `at`", id="back"),
        pytest.param("faults: [{at: 1s, zone: c, kind: kill}]", "no zone 'c'", id="zone"),
        pytest.param("faults: [{at: 1s, zone: a, kind: kil}]", "did you mean kill", id="kind"),
        pytest.param(
            "faults: [{at: 1s, zone: a, kind: kill}, {at: 5s, zone: a, kind: kill}]",
            "zone a is away at that time",
            id="away already",
        ),
        pytest.param(
            "faults: [{at: 5s, zone: a, kind: kill}, {at: 1s, until: 5s, zone: a, kind: kill}]",
            "zone a is away at that time",
            id="back at the moment it goes",
        ),
    ],
)
def test_a_bad_part_is_told_with_its_line(
    write: Callable[[str], str], part: str, message: str
) -> None:
    assert_refused(write(f"{HEAD}{LOAD}{part}\n"), 9, message)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        pytest.param("core-app", "core-ap", "did you mean core-app", id="service"),
        pytest.param("max_rps: 40", "max_rps: 4", "less than start_rps", id="max below start"),
        pytest.param("quantile: 0.95", "quantile: 95", "from 0.5 to 0.999", id="percent"),
        pytest.param("step: 10s", "step: 500ms", "whole seconds from 1s", id="step too short"),
        pytest.param("search_steps: 6", "search_steps: 1000", "from 1 to 100", id="steps"),
        pytest.param("start_rps: 5", "start_rps: 0", "more than 0", id="start at nothing"),
        pytest.param("ms: 600", "milliseconds: 600", "no key 'milliseconds'", id="key"),
    ],
)
def test_a_bad_calibration_is_refused(
    write: Callable[[str], str], before: str, after: str, message: str
) -> None:
    text = HEAD + LOAD + LOOP
    assert before in text
    assert_refused(write(text.replace(before, after)), None, message)


def test_a_loop_is_for_arrivals_not_for_users(write: Callable[[str], str]) -> None:
    text = HEAD + LOAD.replace("load:", "load:\n  model: closed").replace("rate", "users") + LOOP
    assert_refused(write(text), 10, "needs `model: open`")


# ---- traces ----


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        pytest.param("1\n2\nx3\n4", 3, "'x3' is no rate", id="a letter"),
        pytest.param("1\n\n2", 2, "'' is no rate", id="a gap"),
        pytest.param("1\n2;3", 2, "one number a line", id="two on a line"),
        pytest.param("1\n-2", 2, "0 or more", id="negative"),
        pytest.param("1\nnan", 2, "'nan' can't be a rate", id="nan"),
        pytest.param("1\ninf", 2, "'inf' can't be a rate", id="inf"),
        pytest.param("1\n1e300", 2, "can't be a rate", id="too large to scale"),
        pytest.param("", None, "trace is empty", id="empty"),
        pytest.param("\n\n", None, "trace is empty", id="only lines"),
        pytest.param("0\n0", None, "no rate from 0.001 up", id="all 0"),
        pytest.param("1e-320\n0", None, "no rate from 0.001 up", id="too small to scale"),
        pytest.param(b"1\n\xff", 2, "byte 0xff is not UTF-8", id="binary"),
        pytest.param(b"7" * (16 * 1024**2 + 1), None, "larger than 16384 KiB", id="too large"),
    ],
)
def test_a_bad_trace_is_told_with_its_own_line(
    tmp_path: Path, content: str | bytes, line: int | None, message: str
) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadFile, match=message) as caught:
        scenario_load.load_trace(path)
    assert (caught.value.path, caught.value.line) == (path, line)


def test_lines_of_other_systems_and_at_the_end_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"\xef\xbb\xbf1\r\n2.5\r\n0\r\n\r\n")
    assert scenario_load.load_trace(path) == (1.0, 2.5, 0.0)


# ---- chance ----

WORDS = ("-1", "0", ".nan", "1e400", "9e9", "''", "[]", "{}", "~", "*a", "&a", "!!python/name:os",
         "\t", "\0", "\ud800", "é", "24h", "99h", "0s", ": ", "- ", "#", "|", ">", "?", "<<: ",
         "'", '"', "\\", "[" * 40, "osago_peak.py", "traces/bursty.txt", "9" * 400)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A bundled scenario with some places changed."""
    text = (scenarios_folder() / f"{draw(st.sampled_from(bundled_names()))}.yaml").read_text()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from((0, 1, 2, 5, 20, 200)))
        put = draw(st.sampled_from((*WORDS, "")) | st.text(max_size=4))
        tokens = list(re.finditer(r"[\w./-]+", text))
        if tokens and draw(st.integers(0, 1)):  # a whole word, so that what is left still parses
            token = draw(st.sampled_from(tokens))
            start, length = token.start(), token.end() - token.start()
        text = text[:start] + put + text[start + length :]
    return text


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All scenarios, where one more can be written."""
    folder = tmp_path_factory.mktemp("mutated") / "scenarios"
    shutil.copytree(scenarios_folder(), folder)
    return folder


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=mutated())
def test_a_mutated_scenario_parses_or_is_bad_input(copied: Path, text: str) -> None:
    path = copied / "mutant.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = parsed(path)
    if isinstance(found, BadInput):
        assert str(copied) in str(found)
    else:
        assert 0 < len(scenario_rates(found, part="tune")) <= scenario_load.MAX_LOAD_S


def parsed(path: Path) -> Scenario | BadInput:
    try:
        return load_scenario(str(path))
    except BadInput as error:
        return error


def assert_refused(path: str, line: int | None, message: str) -> None:
    with pytest.raises(BadFile, match=message) as caught:
        load_scenario(path)
    assert str(caught.value.path) == path
    assert caught.value.line == line if line is not None else caught.value.line
    assert caught.value.exit_code is ExitCode.USAGE
