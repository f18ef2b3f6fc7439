"""What holds of the autoscaler whatever it is told, judged by the history of what it did."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from insurectl.planning.hpa import decide
from insurectl.planning.hpa_behavior import HpaState, Recommendation
from insurectl.planning.hpa_decision import Decision
from insurectl.planning.hpa_metrics import Samples
from insurectl.planning.hpa_numbers import ceil
from insurectl.planning.hpa_pods import Pod
from insurectl.planning.hpa_spec import Behavior, Metric, Spec
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    ScalingPolicy,
    ScalingRules,
)
from tests.unit.planning.hpa_rows import metric, pods, samples

unhurried = settings(deadline=None)
DEFAULT = Behavior(scale_up=KUBERNETES_SCALE_UP, scale_down=KUBERNETES_SCALE_DOWN)
PODS, CPU = metric("pods 10000"), metric("cpu 50%")
START_S = 1000.0
FORGOTTEN = HpaState(recommendations=(Recommendation(replicas=99, at_s=0.0),))

policy = st.builds(
    ScalingPolicy,
    kind=st.sampled_from(("Pods", "Percent")),
    value=st.integers(1, 150),
    period_s=st.integers(1, 120),
)
rules = st.builds(
    ScalingRules,
    stabilization_window_s=st.integers(0, 120),
    policies=st.lists(policy, min_size=1, max_size=3).map(tuple),
    select_policy=st.sampled_from(("Max", "Min", "Disabled")),
)
behavior = st.builds(Behavior, scale_up=rules, scale_down=rules)
loads = st.lists(st.tuples(st.integers(1, 90), st.integers(0, 60)), min_size=1, max_size=20)


@dataclass(frozen=True, kw_only=True)
class Round:
    """At ``at_s`` there were ``before`` replicas."""

    at_s: float
    before: int
    decision: Decision

    @property
    def wished(self) -> int:
        return self.decision.proposals["total"]

    @property
    def after(self) -> int:
        return self.decision.desired


@cache
def ready(count: int) -> list[Pod]:
    return pods("r" * count, [500] * count)


def play(spec: Spec, begin: int, asked: Sequence[tuple[int, int]]) -> list[Round]:
    """Each round comes so many seconds later and finds load for so many replicas."""
    count, now_s, state, played = begin, START_S, HpaState(), []
    for later_s, wanted in asked:
        now_s += later_s
        found = {"total": samples((wanted * 1000,))}
        decision, state = decide(
            spec, state, current=count, pods=[], samples=found, now_s=now_s,
        )  # fmt: skip
        played.append(Round(at_s=now_s, before=count, decision=decision))
        count = decision.desired
    return played


WISHES = Metric(kind="External", name="total", average_milli=1000)  # the total is what is wished


def wishing(given: Behavior | None, least: int = 1, most: int = 60) -> Spec:
    return Spec(min_replicas=least, max_replicas=most, metrics=(WISHES,), behavior=given)


def at(played: Sequence[Round], when_s: float) -> int:
    """Replicas at that time, after what was changed then."""
    before = [one.after for one in played if one.at_s <= when_s]
    return before[-1] if before else played[0].before


def wishes(played: Sequence[Round], now: Round, window_s: float) -> Iterator[int]:
    """This round's, those within the window before it, and the replicas at the beginning, which
    the first round takes for a wish."""
    yield now.wished
    if now.at_s - played[0].at_s < window_s:
        yield played[0].before
    for one in played:
        if one.at_s < now.at_s and now.at_s - one.at_s < window_s:
            yield one.wished


@unhurried
@given(
    given=st.none() | behavior,
    least=st.integers(0, 20),
    spread=st.integers(0, 40),
    begin=st.integers(0, 40),
    asked=loads,
)
def test_stays_within_min_and_max(
    given: Behavior | None,
    least: int,
    spread: int,
    begin: int,
    asked: list[tuple[int, int]],
) -> None:
    most = max(least + spread, 1)
    spec = wishing(given, least, most)
    for one in play(spec, min(least + begin, most), asked):
        assert least <= one.after <= most


def bound(rules: ScalingRules, limit: Callable[[ScalingPolicy], float], *, up: bool) -> float:
    if rules.select_policy == "Disabled":
        return float("-inf") if up else float("inf")
    far, near = (max, min) if up else (min, max)
    return (far if rules.select_policy == "Max" else near)(limit(one) for one in rules.policies)


@unhurried
@given(given=behavior, begin=st.integers(1, 60), asked=loads)
def test_no_policy_is_exceeded_over_its_period(
    given: Behavior, begin: int, asked: list[tuple[int, int]]
) -> None:
    """Judged by the replicas that there were a period ago, not by what is remembered of them."""
    played = play(wishing(given), begin, asked)

    def highest(one: ScalingPolicy) -> float:
        start = at(earlier, now.at_s - one.period_s) if earlier else now.before
        if one.kind == "Pods":
            return start + one.value
        return ceil(start * (1 + one.value / 100))

    def lowest(one: ScalingPolicy) -> float:
        start = at(earlier, now.at_s - one.period_s) if earlier else now.before
        return start - one.value if one.kind == "Pods" else int(start * (1 - one.value / 100))

    for number, now in enumerate(played):
        earlier = played[:number]
        assert now.after <= max(now.before, bound(given.scale_up, highest, up=True))
        assert now.after >= min(now.before, bound(given.scale_down, lowest, up=False))


@unhurried
@given(given=behavior, begin=st.integers(1, 60), asked=loads)
def test_each_window_holds(given: Behavior, begin: int, asked: list[tuple[int, int]]) -> None:
    """Up no further than the least that was wished for, down no further than the most."""
    played = play(wishing(given), begin, asked)
    up_s = given.scale_up.stabilization_window_s
    down_s = given.scale_down.stabilization_window_s
    for now in played:
        if now.after > now.before:
            assert now.after <= min(wishes(played, now, up_s))
        if now.after < now.before:
            assert now.after >= max(wishes(played, now, down_s))


@unhurried
@given(begin=st.integers(1, 60), asked=loads)
def test_without_behavior_down_is_held_for_300_s_and_up_is_twice(
    begin: int, asked: list[tuple[int, int]]
) -> None:
    played = play(wishing(None), begin, asked)
    for now in played:
        assert now.after <= max(2 * now.before, 4)
        if now.after < now.before:
            assert now.after >= max(wishes(played, now, 300.0))


def settle(spec: Spec, begin: int, found: Callable[[int], Samples]) -> list[int]:
    """Replicas at the end of each round, long enough apart for every window."""
    count, state, counts = begin, HpaState(), []
    for number in range(30):
        decision, state = decide(
            spec, state, current=count, pods=ready(count), samples=found(count),
            now_s=START_S + 400.0 * number,
        )  # fmt: skip
        count = decision.desired
        counts.append(count)
    return counts


@unhurried
@given(
    given=st.sampled_from((None, DEFAULT)),
    begin=st.integers(1, 60),
    load=st.integers(0, 600_000),
    asked=st.just(PODS) | st.integers(30, 150).map(lambda percent: metric(f"cpu {percent}%")),
)
def test_under_a_constant_load_it_comes_to_rest(
    given: Behavior | None, begin: int, load: int, asked: Metric
) -> None:
    """And never turns back; by utilisation it may, once, as a whole percentage is coarse."""
    spec = Spec(max_replicas=60, behavior=given, metrics=(asked,))
    total = load // 10 if asked.is_cpu else load
    counts = settle(spec, begin, lambda count: {asked.label: samples([total // count] * count)})
    assert len(set(counts[-15:])) == 1
    ups = [after > before for before, after in pairwise([begin, *counts]) if after != before]
    turns = sum(one != other for one, other in pairwise(ups))
    assert turns <= asked.is_cpu


@unhurried
@given(
    count=st.integers(1, 20),
    values=st.lists(
        st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=40, max_size=40
    ),
    percent=st.integers(1, 200),
)
def test_more_use_never_asks_for_fewer(
    count: int, values: list[tuple[int, int]], percent: int
) -> None:
    spec = Spec(max_replicas=10**6, metrics=(replace(CPU, utilization_percent=percent),))
    proposals = []
    for used in ([low for low, _ in values], [low + more for low, more in values]):
        decision, _ = decide(
            spec, HpaState(), current=count, pods=ready(count),
            samples={"cpu": samples(used[:count])}, now_s=START_S,
        )  # fmt: skip
        proposals.append(decision.proposals["cpu"])
    assert proposals[0] <= proposals[1]


@unhurried
@given(
    given=st.none() | behavior,
    count=st.integers(1, 20),
    used=st.integers(0, 3000),
    failing_first=st.booleans(),
)
def test_no_metric_that_fails_lets_it_scale_down(
    given: Behavior | None, count: int, used: int, *, failing_first: bool
) -> None:
    both = (PODS, CPU) if failing_first else (CPU, PODS)
    spec = Spec(max_replicas=60, metrics=both, behavior=given)
    decision, _ = decide(
        spec, FORGOTTEN, current=count, pods=ready(count),
        samples={"cpu": samples([used] * count)}, now_s=START_S,
    )  # fmt: skip
    assert decision.desired >= count
    assert len(decision.errors) == 1


@unhurried
@given(
    count=st.integers(2, 20),
    silent=st.integers(1, 19),
    used=st.integers(0, 5000),
    letter=st.sampled_from("rnpfd"),
)
def test_pods_that_tell_nothing_never_turn_a_change_round(
    count: int, silent: int, used: int, letter: str
) -> None:
    """Nor do they make it larger than those that do tell would, were they all there are."""
    telling = max(count - silent, 1)
    listed = pods("r" * telling + letter * (count - telling), [500] * count)
    found = {"cpu": samples([used] * telling)}
    spec = Spec(max_replicas=10**6, metrics=(CPU,))
    decision, _ = decide(spec, HpaState(), current=count, pods=listed, samples=found, now_s=START_S)
    percent = used * 100 // 1000
    if percent > 50:
        assert decision.proposals["cpu"] >= min(count, ceil(percent / 50 * telling))
        assert decision.proposals["cpu"] <= max(count, ceil(percent / 50 * count))
    else:
        assert decision.proposals["cpu"] <= count
