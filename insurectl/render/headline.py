"""The verdict in one sentence, from whatever the run got to."""

from collections.abc import Sequence

from insurectl.records import (
    Comparison,
    FailoverResult,
    LoadResult,
    Outcome,
    Plan,
    RunRecords,
    ThresholdResult,
    Verdict,
)
from insurectl.render.figures import count, estimated, number
from insurectl.render.plan_section import first_to_break, sentence, warnings
from insurectl.render.story import Headline, Tone

WORDS: dict[Outcome, tuple[str, Tone]] = {
    Outcome.PASS: ("Pass", "good"),
    Outcome.FAIL: ("Fail", "bad"),
    Outcome.INVALID: ("Invalid", "warn"),
    Outcome.INTERRUPTED: ("Interrupted", "warn"),
}


def headline(records: RunRecords) -> Headline:
    """The furthest stage speaks; a run that was ended says so first."""
    info, judged = records.info, _furthest(records)
    before = (f"before that: {judged.sentence}", *judged.reasons) if judged is not None else ()
    if info.status == "interrupted" or info.outcome is Outcome.INTERRUPTED:
        return _say("Interrupted", "warn", "the run was ended by hand; what it had measured by "
                    "then is below, and is no verdict", before)  # fmt: skip
    if info.status == "failed":
        return _say("Failed", "bad", "the run ended on an error; what it had measured by then is "
                    "below, and is no verdict", before)  # fmt: skip
    if info.status == "running":
        return _say("No verdict", "warn", "the run has not ended, or its process was killed",
                    before)  # fmt: skip
    return judged or _without_outcome(records)


def _furthest(records: RunRecords) -> Headline | None:
    if records.plan is not None:
        return _of_plan(records.plan, records.info.outcome)
    if records.verdict is not None:
        return _of_verdict(records.verdict)
    if records.failover is not None:
        return _of_failover(records.failover)
    return _of_load(records.load) if records.load is not None else None


def _of_verdict(verdict: Verdict) -> Headline:
    if verdict.outcome is Outcome.INVALID:
        return _invalid(verdict.reasons)
    if verdict.outcome is Outcome.INTERRUPTED:
        return _judged(verdict.outcome, "the second run was ended by hand", verdict.reasons)
    parts = [*_compared(verdict.comparisons), *_thresholds(verdict.thresholds)]
    said = " and ".join(parts) or "nothing was compared"
    where = "under the recommended settings, on traffic that was not used for tuning"
    return _judged(verdict.outcome, f"{where}, {said}", verdict.reasons)


def _of_failover(result: FailoverResult) -> Headline:
    if result.outcome is Outcome.INVALID:
        return _invalid(result.reasons)
    kept = (
        f"{count(result.acknowledged, 'acknowledged write')}, none lost, none doubled"
        if not (result.lost or result.doubled)
        else f"of {count(result.acknowledged, 'acknowledged write')} "
        f"{result.lost:,} lost and {result.doubled:,} doubled"
    )
    said = (
        f"with zone {result.fault.zone} taken away ({result.fault.kind}), no write succeeded for "
        f"{number(result.gap_s)} s at the longest; {kept}"
    )
    return _judged(result.outcome, said, result.reasons)


def _of_plan(plan: Plan, outcome: Outcome | None) -> Headline:
    failed = outcome is Outcome.FAIL
    said = f"{sentence(plan)} {first_to_break(plan.figures)}".rstrip(".")
    passed = tuple(one for one in warnings(plan) if one.startswith("Passed already"))
    return _judged(Outcome.FAIL if failed else Outcome.PASS, said, passed)


def _of_load(load: LoadResult) -> Headline:
    if load.outcome is Outcome.INVALID:
        return _invalid(load.reasons)
    judged = _thresholds(load.thresholds) or ["there were no thresholds to judge it by"]
    if load.aborted:
        judged.insert(0, f"the load was ended early ({load.aborted})")
    said = f"{count(load.total.count, 'request')} of {load.scenario}; {', '.join(judged)}"
    return _judged(load.outcome, said, load.reasons)


def _without_outcome(records: RunRecords) -> Headline:
    if records.recommendation is not None:
        one = records.recommendation
        said = (
            f"settings for {one.service} were chosen out of {one.searched:,} searched; "
            "they have not been verified"
        )
        return _say("No verdict", "plain", said)
    if records.model is not None:
        sign = "at least " if records.model.lower_bound else ""
        said = (
            f"one replica of {records.model.service} takes {sign}"
            f"{estimated(records.model.rps_per_replica)} within its SLO"
        )
        return _say("No verdict", "plain", said)
    if records.calibration is not None:
        steps = count(len(records.calibration.steps), "step")
        return _say("No verdict", "plain", f"{steps} of calibration, nothing fitted yet")
    if records.timeline is not None:
        return _say("No verdict", "plain", "the run only looked at the servers; it judged nothing")
    return _say("No verdict", "plain", "the run kept nothing to judge")


def _compared(comparisons: Sequence[Comparison]) -> list[str]:
    if not comparisons:
        return []
    missed = [one.what for one in comparisons if not one.met]
    if not missed:
        return [f"{_every(len(comparisons), 'predicted figure')} measured within the allowed "
                "interval"]  # fmt: skip
    verb = "was" if len(missed) == 1 else "were"
    return [f"{len(missed)} of {count(len(comparisons), 'predicted figure')} {verb} measured "
            f"outside the allowed interval ({', '.join(missed)})"]  # fmt: skip


def _thresholds(results: Sequence[ThresholdResult]) -> list[str]:
    if not results:
        return []
    missed = [f"{one.metric} of {one.request}" for one in results if not one.met]
    if not missed:
        return [f"{_every(len(results), 'threshold')} met"]
    verb = "was" if len(missed) == 1 else "were"
    return [f"{len(missed)} of {count(len(results), 'threshold')} {verb} missed "
            f"({', '.join(missed)})"]  # fmt: skip


def _every(amount: int, what: str) -> str:
    if amount == 1:
        return f"the {what} was"
    return f"both {what}s were" if amount == 2 else f"all {amount} {what}s were"


def _invalid(reasons: Sequence[str]) -> Headline:
    why = reasons[0] if reasons else "no reason was kept"
    return _judged(Outcome.INVALID, "do not use these figures, they say nothing about the system: "
                   f"{why}", reasons)  # fmt: skip


def _judged(outcome: Outcome, said: str, reasons: Sequence[str]) -> Headline:
    word, tone = WORDS[outcome]
    told = tuple(reason for reason in reasons if reason not in said)
    return Headline(word=word, tone=tone, sentence=f"{word}: {said}.", reasons=told)


def _say(word: str, tone: Tone, said: str, reasons: tuple[str, ...] = ()) -> Headline:
    return Headline(word=word, tone=tone, sentence=f"{word}: {said}.", reasons=reasons)
