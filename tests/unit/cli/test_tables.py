"""Every record has a table that shows what matters in it."""

import pytest

from insurectl.cli.console import Console
from insurectl.ports import DeployPlan
from insurectl.records import (
    Change,
    Comparison,
    Decision,
    Estimate,
    FailoverResult,
    Fault,
    Outcome,
    Series,
    Simulation,
    Timeline,
    Verdict,
)
from insurectl.render.headline import headline
from tests.fakes import FakeTarget, ListProgress, tuning
from tests.unit.render import samples

TARGET = FakeTarget()
UP = TARGET.deploy(DeployPlan(name="peak"), ListProgress())
FAULT = Fault(zone="a", kind="kill", began_s=100.0)
SERIES = Series(
    name="replicas", zone="b", service="core-app", labels={}, unit="1", query="q",
    times_s=(1.0, 2.0), values=(1.0, 3.0),
)  # fmt: skip
DECISION = Decision(at_s=1.0, zone="b", service="core-app", before=1, after=3, reason="memory")
PREDICTED = Estimate(value=4.0, low=3.0, high=5.0, unit="1", evidence="simulated")


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        pytest.param(UP, ["peak is up", "core-app", "http://gateway.b"], id="Deployment"),
        pytest.param(TARGET.status(), ["healthy", "client-info-0"], id="SystemStatus"),
        pytest.param(
            Timeline(
                run_id="r", started_s=0, ended_s=2, series=(SERIES,), decisions=(DECISION,),
                warnings=("thin ice",),
            ),
            ["replicas", "1 -> 3", "memory", "warning: thin ice"],
            id="Timeline",
        ),
        pytest.param(
            Change(
                run_id="r", deployment="peak", applied_at_s=None, before=tuning(1),
                after=tuning(2), diff="replicas: 1 -> 2 [core-app]",
            ),
            ["not in force", "1 -> 2 [core-app]"],
            id="Change",
        ),
        pytest.param(
            Verdict(
                run_id="r", outcome=Outcome.FAIL, reasons=("too slow",), thresholds=(),
                comparisons=(
                    Comparison(
                        what="replicas", unit="1", predicted=PREDICTED, allowed_low=3.0,
                        allowed_high=5.0, measured=None, met=False,
                    ),
                ),
                load_run_id="r.verify", window="seconds 1 to 2",
            ),
            ["FAIL", "too slow", "3 to 5", "NO"],
            id="Verdict",
        ),
        pytest.param(
            FailoverResult(
                run_id="r", outcome=Outcome.PASS, reasons=(), fault=FAULT, steady_before=True,
                steady_after=True, gap_s=1.25, probes=100, acknowledged=98, lost=0, doubled=0,
                failed_by_class={"timeout": 2}, requests=500, budget_spent=0.01,
            ),
            ["1.25 s", "98 of 100", "failed: timeout", "1.00%"],
            id="FailoverResult",
        ),
        pytest.param(
            samples.load(),
            ["PASS", "sent", "create_application", "latency_p95_ms", "<= 600"],
            id="LoadResult",
        ),
        pytest.param(
            samples.CALIBRATION, ["SLO p95 ms <= 600", "around", "invalid"], id="Calibration"
        ),
        pytest.param(
            samples.MODEL,
            ["21.4 (19.8 to 22.9) requests/s", "host CPU without"],
            id="CapacityModel",
        ),
        pytest.param(
            samples.RECOMMENDATION,
            ["1240 settings searched", "- Two replicas a zone", "warning: The interval"],
            id="Recommendation",
        ),
        pytest.param(
            Simulation(
                service="core-app", zones=2, lasted_s=95, requests=1200, failed=3, slo_ms=800.0,
                quantile_ms=412.0, miss_ratio=0.0125, replicas_mean=3.5, replicas_max=6,
                replica_seconds=332.5, replicas=(2, 6), decisions=(DECISION,),
            ),
            ["simulated: 95 s of traffic on core-app", "1.25% of the requests beyond 800 ms",
             "412 ms", "3.50", "1 -> 3", "memory", "nothing was measured"],
            id="Simulation",
        ),
        pytest.param(FAULT, ["zone a: kill since 00:01:40"], id="Fault"),
        pytest.param(
            DeployPlan(name="peak", clients=50), ["clients", "50"], id="what has none of its own"
        ),
    ],
)  # fmt: skip
def test_a_table_shows_what_matters(
    record: object, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Console().show(record)
    said = capsys.readouterr().out
    assert [text for text in shown if text not in said] == []


@pytest.mark.parametrize("kind", samples.SUBSETS)
def test_a_run_ends_with_its_verdict(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    records = samples.SUBSETS[kind]
    Console().show(records)
    said = " ".join(capsys.readouterr().out.split())
    assert said.endswith(headline(records).sentence)
