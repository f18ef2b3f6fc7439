"""What a child counts is what its parent adds up."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insurectl.adapters.locust.tally import Sample, Tally
from insurectl.planning.histogram import record

TIMES = st.floats(0, 5, allow_nan=False)
SAMPLES = st.builds(
    lambda name, began_s, lasted_s, failure: Sample(
        name, began_s, began_s + lasted_s, failure or "200", failure
    ),
    st.sampled_from(["look", "buy"]),
    TIMES,
    TIMES,
    st.sampled_from([None, "timeout"]),
)


def tally(samples: Sequence[Sample] = (), warmup_s: float = 0.0) -> Tally:
    made = Tally(warmup_s)
    for sample in samples:
        made.schedule(sample.began_s)
        made.begin(sample.began_s, sample.began_s + 0.001)
        made.end(sample)
    return made


def added(*parts: Tally, warmup_s: float = 0.0) -> Tally:
    total = Tally(warmup_s)
    for part in parts:
        total.merge(json.loads(json.dumps(part.to_json())))
    return total


@given(st.lists(SAMPLES), st.lists(SAMPLES))
def test_parts_add_up_to_the_whole(here: list[Sample], there: list[Sample]) -> None:
    assert added(tally(here), tally(there)) == tally([*here, *there])


def test_statistics_are_kept_by_name_and_for_all() -> None:
    samples = [
        Sample("look", 0.0, 0.1, "200", None),
        Sample("look", 0.0, 0.3, "200", None),
        Sample("buy", 1.0, 2.0, "503", "HTTP 503"),
    ]
    stats = tally(samples).stats()
    assert list(stats) == ["total", "buy", "look"]
    assert (stats["look"].count, stats["look"].failed, stats["look"].max_ms) == (2, 0, 300)
    assert stats["buy"].status_counts == {"503": 1}
    assert (stats["total"].count, stats["total"].failed) == (3, 1)
    assert stats["total"].histogram == record([100, 300, 1000])
    assert stats["total"].p99_ms == pytest.approx(1000, rel=0.005)


def test_without_a_request_there_is_nothing_to_say() -> None:
    [total] = tally().stats().values()
    assert (total.count, total.p50_ms, total.max_ms) == (0, None, None)


def test_a_second_holds_what_was_due_what_began_and_what_ended_in_it() -> None:
    counts = Tally(0.0)
    counts.schedule(0.9)
    counts.begin(0.9, 1.2)
    counts.end(Sample("look", 0.9, 2.1, "timeout", "timeout"))
    rows = {number: second.record(10.0 + number) for number, second in counts.seconds.items()}
    assert (rows[0].scheduled, rows[0].sent) == (1, 0)
    assert (rows[1].scheduled, rows[1].sent, rows[1].ok) == (0, 1, 0)
    assert (rows[2].at_s, rows[2].failed, rows[2].ok) == (12.0, 1, 0)
    assert rows[2].p50_ms == pytest.approx(1200, rel=0.005)
    assert counts.second(0).late == 1


@pytest.mark.parametrize(
    ("begun_s", "shortfall"),
    [
        pytest.param([1.0, 1.09], 0.0, id="all in time"),
        pytest.param([1.0, 1.2], 0.5, id="one late"),
        pytest.param([1.0], 0.5, id="one never"),
        pytest.param([], 1.0, id="none"),
    ],
)
def test_what_is_late_or_never_begins_is_a_shortfall(
    begun_s: list[float], shortfall: float
) -> None:
    counts = Tally(0.0)
    for _ in range(2):
        counts.schedule(1.0)
    for at_s in begun_s:
        counts.begin(1.0, at_s)
    assert counts.shortfall == shortfall


def test_the_warm_up_shows_by_the_second_only() -> None:
    early = Sample("look", 0.5, 2.5, "500", "HTTP 500")  # ends after the warm-up, began in it
    counts = tally([early, Sample("look", 2.0, 2.1, "200", None)], warmup_s=2.0)
    assert counts.stats()["total"].status_counts == {"200": 1}
    assert counts.second(2).ended.count == 2
    assert counts.due == counts.in_time == sum(counts.lateness.values()) == 1


def test_reasons_are_counted_with_their_request() -> None:
    samples = [Sample("buy", 0.0, 1.0, "timeout", "timeout")] * 2
    assert added(tally(samples)).failures == {"buy: timeout": 2}
