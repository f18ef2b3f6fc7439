"""What the loss of a zone cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insurectl.planning.failover import Write, budget_spent, judge_failover, longest_gap
from insurectl.records import FailoverResult, Fault, LoadResult, Outcome, RequestStats

FAULT_S = 100.0
FAULT = Fault(zone="a", kind="kill", began_s=FAULT_S)


def writes(from_s: float, to_s: float, failure: str = "") -> list[Write]:
    """One every tenth of a second."""
    count = round((to_s - from_s) * 10)
    return [(from_s + number / 10, not failure, failure) for number in range(count)]


GOOD = [*writes(90, 100), *writes(100, 101.5, "timeout"), *writes(101.5, 120)]


def load(
    statuses: dict[str, int], failed: int, *, outcome: Outcome = Outcome.PASS,
    reasons: tuple[str, ...] = (),
) -> LoadResult:  # fmt: skip
    total = RequestStats(
        name="total", count=sum(statuses.values()), failed=failed, p50_ms=None, p90_ms=None,
        p95_ms=None, p99_ms=None, max_ms=None, status_counts=statuses, histogram={},
    )  # fmt: skip
    return LoadResult(
        run_id="run", scenario="osago_peak", seed=1, model="open", base_url="http://127.0.0.1:1",
        started_s=80.0, ended_s=145.0, warmup_s=5.0, outcome=outcome, reasons=reasons, scale=1.0,
        scheduled=0, sent=0, shortfall=0.0, late_p99_ms=1.0, generator_cpu=0.1, host_cpu=0.2,
        total=total, requests=(), seconds=(),
    )  # fmt: skip


def judged(
    seen: list[Write], *, lost: int = 0, doubled: int = 0, one: LoadResult | None = None
) -> FailoverResult:
    return judge_failover("run", FAULT, seen, lost, doubled, one)


def test_a_short_gap_without_loss_passes() -> None:
    result = judged(GOOD)
    assert (result.outcome, result.reasons) == (Outcome.PASS, ())
    assert result.gap_s == pytest.approx(1.6)  # from 99.9 to 101.5
    assert (result.probes, result.acknowledged) == (300, 285)
    assert (result.steady_before, result.steady_after) == (True, True)
    assert result.notes[-1] == "Only the probe's own requests were counted."


NOT_BEFORE = "it was not steady before the fault: writes failed already"
NOT_AFTER = "it was not steady in the last 4 s: writes still failed"


@pytest.mark.parametrize(
    ("seen", "lost", "doubled", "reasons"),
    [
        pytest.param(GOOD, 2, 0, ["2 acknowledged writes are not there afterwards"], id="lost"),
        pytest.param(GOOD, 0, 1, ["1 writes were made twice"], id="doubled"),
        pytest.param(
            [*writes(90, 100), *writes(100, 104, "timeout"), *writes(104, 120)], 0, 0,
            ["no write succeeded for 4.10 s; 3 s are allowed"], id="too long a gap",
        ),
        pytest.param(
            [*writes(90, 99), *writes(99, 99.5, "HTTP 503"), *writes(99.5, 120)], 0, 0,
            [NOT_BEFORE], id="failed already before",
        ),
        pytest.param(
            [*writes(80, 95), *writes(95, 95.9, "HTTP 503"), *writes(95.9, 120)], 0, 0,
            [], id="long before, not any more",
        ),
        pytest.param(
            [*writes(90, 118), *writes(118, 120, "timeout")], 0, 0, [NOT_AFTER],
            id="a gap at the very end",
        ),
        pytest.param(
            [*writes(90, 100), *writes(100, 120, "timeout")], 0, 0,
            ["no write succeeded for 20.00 s; 3 s are allowed", NOT_AFTER], id="never came back",
        ),
        pytest.param(
            [(90.0, True, ""), *writes(100, 120)], 0, 0,
            ["no write succeeded for 10.00 s; 3 s are allowed", NOT_BEFORE],
            id="no write in the last seconds before",
        ),
    ],
)  # fmt: skip
def test_what_fails(seen: list[Write], lost: int, doubled: int, reasons: list[str]) -> None:
    result = judged(seen, lost=lost, doubled=doubled)
    assert list(result.reasons) == reasons
    assert result.outcome is (Outcome.FAIL if reasons else Outcome.PASS)


@pytest.mark.parametrize(
    ("seen", "reasons"),
    [
        pytest.param(
            writes(90, 100), ["the probe tried no write after the fault began"], id="none after"
        ),
        pytest.param(
            writes(100, 120), ["the probe tried no write before the fault"], id="none before"
        ),
        pytest.param(
            [],
            [
                "the probe tried no write before the fault",
                "the probe tried no write after the fault began",
            ],
            id="none at all",
        ),
    ],
)
def test_without_a_probe_on_both_sides_nothing_was_measured(
    seen: list[Write], reasons: list[str]
) -> None:
    result = judged(seen)
    assert (result.outcome, list(result.reasons)) == (Outcome.INVALID, reasons)
    assert not (result.steady_before and result.steady_after)


@pytest.mark.parametrize(
    ("lost", "outcome"),
    [
        pytest.param(0, Outcome.INVALID, id="says nothing of the gap"),
        pytest.param(1, Outcome.FAIL, id="but what is lost is lost"),
    ],
)
def test_an_invalid_load(lost: int, outcome: Outcome) -> None:
    bad = load({"200": 10}, 0, outcome=Outcome.INVALID, reasons=("the generator was saturated",))
    result = judged(GOOD, lost=lost, one=bad)
    assert result.outcome is outcome
    assert result.reasons[0] == "the generator was saturated"


@pytest.mark.parametrize(
    ("statuses", "failed", "classes"),
    [
        pytest.param({"200": 900, "302": 5}, 0, {}, id="all well"),
        pytest.param(
            {"200": 900, "503": 7, "timeout": 3}, 10, {"503": 7, "timeout": 3}, id="two kinds"
        ),
        pytest.param({"200": 900, "429": 50}, 0, {}, id="partners over their limit, as agreed"),
        pytest.param(
            {"200": 900, "429": 50, "503": 2}, 4, {"503": 2, "failed checks or 429": 2},
            id="a 429 that was not agreed",
        ),
        pytest.param(
            {"200": 900, "200 UNAVAILABLE": 4}, 4, {"200 UNAVAILABLE": 4}, id="errors of GraphQL"
        ),
        pytest.param({"200": 900}, 3, {"failed checks": 3}, id="a journey's own checks"),
        pytest.param({"200": 900, "unfinished": 2}, 2, {"unfinished": 2}, id="no answer"),
    ],
)  # fmt: skip
def test_failures_by_their_kind(
    statuses: dict[str, int], failed: int, classes: dict[str, int]
) -> None:
    result = judged(GOOD, one=load(statuses, failed))
    assert result.failed_by_class == classes
    assert result.requests == sum(statuses.values())
    # 60 s counted: all month there would be 43,200 times as many, a thousandth of them may fail
    month = result.requests / 60 * 30 * 86_400
    assert result.budget_spent == pytest.approx(failed / (0.001 * month))


def test_without_load_the_probes_own_requests_are_counted() -> None:
    result = judged(GOOD)
    assert (result.failed_by_class, result.requests) == ({"timeout": 15}, 300)
    month = 300 / 29.9 * 30 * 86_400
    assert result.budget_spent == pytest.approx(15 / (0.001 * month))


@pytest.mark.parametrize(
    ("failed", "requests", "lasted_s", "spent"),
    [
        # 10 a second are 25,920,000 a month; 25,920 of them may fail
        pytest.param(2592, 600, 60.0, 0.1, id="a tenth of the month's budget"),
        pytest.param(0, 600, 60.0, 0.0, id="nothing failed"),
        pytest.param(5, 0, 60.0, 0.0, id="no requests"),
        pytest.param(5, 100, 0.0, 0.0, id="no time"),
    ],
)
def test_the_error_budget(failed: int, requests: int, lasted_s: float, spent: float) -> None:
    assert budget_spent(failed, requests, lasted_s) == pytest.approx(spent)


@pytest.mark.parametrize(
    ("seen", "gap_s"),
    [
        pytest.param([], 0.0, id="nothing"),
        pytest.param([(101.0, True, "")], 1.0, id="from the fault on"),
        pytest.param([(99.0, True, ""), (104.0, True, "")], 5.0, id="across the fault"),
        pytest.param(
            [(10.0, True, ""), (99.0, True, ""), (100.5, True, "")], 1.5, id="not one before it"
        ),
        pytest.param([(99.5, True, ""), (130.0, False, "x")], 30.5, id="until the last attempt"),
        pytest.param([(95.0, False, "x"), (103.0, False, "x")], 3.0, id="never one"),
        pytest.param([(104.0, True, ""), (99.0, True, "")], 5.0, id="in whichever order"),
    ],
)
def test_the_longest_gap(seen: list[Write], gap_s: float) -> None:
    assert longest_gap(seen, FAULT_S) == pytest.approx(gap_s)


@given(
    st.lists(st.tuples(st.floats(50, 150), st.booleans()), min_size=1, max_size=40),
    st.floats(FAULT_S, 140),
)
def test_one_more_success_never_makes_the_gap_longer(
    seen: list[tuple[float, bool]], at_s: float
) -> None:
    tried: list[Write] = [(when, good, "" if good else "x") for when, good in seen]
    tried += [(150.0, False, "x")]
    assert longest_gap([*tried, (at_s, True, "")], FAULT_S) <= longest_gap(tried, FAULT_S) + 1e-9


def test_a_write_that_was_under_way_when_the_fault_struck_is_part_of_its_cost() -> None:
    fault = Fault(zone="a", kind="kill", began_s=100.0)
    steady = [(90.0 + number * 0.1, True, "") for number in range(99)]
    cut = [(99.95, False, "HTTP 502")]
    after = [(100.2 + number * 0.1, True, "") for number in range(100)]
    found = judge_failover("run", fault, [*steady, *cut, *after], 0, 0, None)
    assert found.steady_before
    assert found.outcome is Outcome.PASS
    twice = [(99.9, False, "HTTP 502"), *cut]
    assert not judge_failover("run", fault, [*steady, *twice, *after], 0, 0, None).steady_before
