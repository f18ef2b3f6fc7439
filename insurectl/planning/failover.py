"""What the loss of a zone cost: the gap, the failed requests and the error budget."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from insurectl.records import FailoverResult, Fault, LoadResult, Outcome

BUDGET_RATIO = 0.001  # 99.9 %
BUDGET_DAYS = 30
DAY_S = 86_400.0
MOST_GAP_S = 3.0  # until the other zone serves: RTO of what keeps no state of its own
STEADY_S = 4.0  # without a failed write, at both ends
NOTE = (
    "PostgreSQL stands outside the zones for now and was not part of the fault; its replication "
    "is work to come."
)
Write = tuple[float, bool, str]  # begun at, acknowledged, kind of failure


def judge_failover(
    run_id: str,
    fault: Fault,
    writes: Sequence[Write],
    lost: int,
    doubled: int,
    load: LoadResult | None,
) -> FailoverResult:
    """Fails when something was lost or doubled, whatever else was measured; invalid when the load
    was, or when there was no write on one side of the fault; else fails when people waited too
    long, or it was not steady before and after."""
    writes = sorted(writes)
    before = [one for one in writes if one[0] < fault.began_s]
    after = [one for one in writes if one[0] >= fault.began_s]
    # the last one may have been under way when the fault struck: it is part of what it cost
    settled = before if before and before[-1][1] else before[:-1]
    steady_before = _steady([one for one in settled if one[0] >= fault.began_s - STEADY_S])
    steady_after = _steady_at_end(after)
    gap_s = longest_gap(writes, fault.began_s)
    failed, requests = _failed(load, writes)
    unseen = _unseen(before, after)
    problems = _problems(
        lost, doubled, gap_s, steady_before or not before, steady_after or not after
    )
    invalid = bool(unseen) or (load is not None and load.outcome is Outcome.INVALID)
    notes = (NOTE,) if load is not None else (NOTE, "Only the probe's own requests were counted.")
    return FailoverResult(
        run_id=run_id,
        outcome=_outcome(bool(lost or doubled), invalid, problems),
        reasons=(*(load.reasons if invalid and load else ()), *unseen, *problems),
        fault=fault,
        steady_before=steady_before,
        steady_after=steady_after,
        gap_s=gap_s,
        probes=len(writes),
        acknowledged=sum(acknowledged for _, acknowledged, _ in writes),
        lost=lost,
        doubled=doubled,
        failed_by_class=failed,
        requests=requests,
        budget_spent=budget_spent(
            load.total.failed if load else sum(failed.values()), requests, _lasted_s(load, writes)
        ),
        notes=notes,
    )


def longest_gap(writes: Sequence[Write], fault_s: float) -> float:
    """Longest time (s) from one acknowledged write to the next, from the fault on; to the last
    attempt when none followed."""
    writes = sorted(writes)
    good = [at_s for at_s, acknowledged, _ in writes if acknowledged]
    last_before = max((at_s for at_s in good if at_s < fault_s), default=fault_s)
    points = [last_before, *(at_s for at_s in good if at_s >= fault_s)]
    if writes:
        points.append(max(writes[-1][0], points[-1]))
    return max((later - earlier for earlier, later in pairwise(points)), default=0.0)


def budget_spent(failed: int, requests: int, lasted_s: float) -> float:
    """Share of the month's error budget, if all month were as busy as this run."""
    if not requests or lasted_s <= 0:
        return 0.0
    month = requests / lasted_s * BUDGET_DAYS * DAY_S
    return failed / (BUDGET_RATIO * month)


def _failed(load: LoadResult | None, writes: Sequence[Write]) -> tuple[dict[str, int], int]:
    if load is None:
        kinds = Counter(kind for _, acknowledged, kind in writes if not acknowledged)
        return dict(kinds), len(writes)
    classes = {
        status: count
        for status, count in load.total.status_counts.items()
        # "200 CODE" is a GraphQL error; a partner over its limit is refused as agreed
        if (not status.startswith(("2", "3")) or " " in status) and status != "429"
    }
    rest = load.total.failed - sum(classes.values())
    if rest > 0:
        limited = load.total.status_counts.get("429", 0)
        classes["failed checks or 429" if limited else "failed checks"] = rest
    return classes, load.total.count


def _outcome(harmed: bool, invalid: bool, problems: Sequence[str]) -> Outcome:
    if invalid and not harmed:
        return Outcome.INVALID
    return Outcome.FAIL if problems else Outcome.PASS


def _unseen(before: Sequence[Write], after: Sequence[Write]) -> list[str]:
    sides = {"before the fault": before, "after the fault began": after}
    return [f"the probe tried no write {side}" for side, there in sides.items() if not there]


def _lasted_s(load: LoadResult | None, writes: Sequence[Write]) -> float:
    if load is not None:
        return max(load.ended_s - load.started_s - load.warmup_s, 1.0)
    return writes[-1][0] - writes[0][0] if len(writes) > 1 else 0.0


def _steady(writes: Sequence[Write]) -> bool:
    return bool(writes) and all(acknowledged for _, acknowledged, _ in writes)


def _steady_at_end(after: Sequence[Write]) -> bool:
    if not after:
        return False
    return _steady([one for one in after if one[0] >= after[-1][0] - STEADY_S])


def _problems(
    lost: int, doubled: int, gap_s: float, steady_before: bool, steady_after: bool
) -> list[str]:
    problems = []
    if lost:
        problems.append(f"{lost} acknowledged writes are not there afterwards")
    if doubled:
        problems.append(f"{doubled} writes were made twice")
    if gap_s > MOST_GAP_S:
        problems.append(f"no write succeeded for {gap_s:.2f} s; {MOST_GAP_S:g} s are allowed")
    if not steady_before:
        problems.append("it was not steady before the fault: writes failed already")
    if not steady_after:
        problems.append(f"it was not steady in the last {STEADY_S:g} s: writes still failed")
    return problems
