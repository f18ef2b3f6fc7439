"""``insurectl plan`` as it is typed."""

import re
from pathlib import Path
from typing import Any

import pytest

from insurectl.cli.plan_inputs import node, split
from insurectl.errors import BadInput, ExitCode
from insurectl.records import Plan
from tests.fake_system import FakeSystem
from tests.unit.cli.conftest import Call

PEAK = ("plan", "--people", "50", "--insurers", "10", "--zones", "2", "--survive", "1")


def found(insurectl: Call, system: FakeSystem, *more: str, code: int = 0) -> Any:
    said = insurectl(system, *PEAK, *more, "-o", "json")
    assert said.code == code, said.err
    return said.json()


def test_a_plan_rests_on_the_newest_model_of_a_service(insurectl: Call, looped: FakeSystem) -> None:
    measured = looped.run_id()
    plan = found(insurectl, looped)
    core = next(one for one in plan["figures"]["services"] if one["service"] == "core-app")
    assert core["capacity"]["basis"] == "measured"
    assert measured in core["capacity"]["source"]
    assert plan["origins"]["pod-start"]["basis"] == "measured"
    card = next(one for one in plan["figures"]["services"] if one["service"] == "client-info")
    assert card["capacity"] is None
    assert plan["figures"]["complete"] is False
    assert any("client-info: not measured, no number" in note for note in plan["notes"])


def test_a_plan_is_a_run_with_a_report(insurectl: Call, looped: FakeSystem) -> None:
    plan = found(insurectl, looped)
    assert looped.runs.read(plan["run_id"], Plan).inputs.people == 50
    assert looped.runs.info(plan["run_id"]).kind == "plan"


def test_without_any_run_it_says_that_nothing_is_measured(
    insurectl: Call, system: FakeSystem
) -> None:
    said = insurectl(system, *PEAK)
    assert said.code == 0, said.err
    assert "core-app: not measured, no number" in said.out


def test_what_is_assumed_is_marked(insurectl: Call, system: FakeSystem) -> None:
    plan = found(
        insurectl, system, "--assume", "core-app=10", "--assume", "client-info=90,web=50",
        "--assume", "osago-aggregator=40",
    )  # fmt: skip
    assert plan["figures"]["complete"] is True
    assert {one["basis"] for one in plan["capacity"].values()} == {"assumed"}


def test_cost_settings_are_assumed_when_that_is_asked_for(
    insurectl: Call, system: FakeSystem
) -> None:
    plan = found(insurectl, system, "--assume-costs", "600ms")
    assert set(plan["capacity"]) == {"core-app", "client-info"}
    assert "cost settings alone" in plan["capacity"]["core-app"]["source"]


def test_a_limit_that_is_set_and_passed_ends_with_99(insurectl: Call, system: FakeSystem) -> None:
    plan = found(
        insurectl, system, "--people", "4000", "--assume", "core-app=100",
        code=ExitCode.THRESHOLDS_MISSED,
    )  # fmt: skip
    assert plan["figures"]["limits"][0]["people"] < 4000


def test_money_growth_and_what_ifs(insurectl: Call, system: FakeSystem) -> None:
    said = insurectl(
        system, *PEAK, "--assume", "core-app=10", "--node", "cpu=2,memory=8Gi,pods=30",
        "--price", "0.1", "--currency", "EUR", "--growth", "20%/year", "--horizon", "1y",
        "--what-if", "people=100", "--what-if", "zones=3,survive=2", "--set", "buy-share=50%",
        "--node-start", "90s",
    )  # fmt: skip
    assert said.code == 0, said.err
    for words in ("EUR", "a month", "Growth of 20 % a year", "people=100", "zones=3,survive=2",
                  "given", "90 s"):  # fmt: skip
        assert words in said.out, words


def test_a_node_may_stand_in_a_file(insurectl: Call, system: FakeSystem, tmp_path: Path) -> None:
    (tmp_path / "node.yaml").write_text("cpu: 2\nmemory: 8Gi\npods: 30\nprice: 0.1\n")
    plan = found(insurectl, system, "--node", "node.yaml", "--currency", "EUR")
    assert (plan["inputs"]["node"]["cpu_m"], plan["inputs"]["price"]) == (2000, 0.1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("--people 0", "people: 0 can't be used", id="nobody"),
        pytest.param("--people -5", "people: -5 can't be used", id="negative"),
        pytest.param("--people nan", "people: nan is no number", id="not a number"),
        pytest.param("--people 1e12", "from 1 to 10000000", id="huge"),
        pytest.param("--people many", "'many' is no number", id="a word"),
        pytest.param("--people 2_500", "'2_500' is no number", id="a number of Python's"),
        pytest.param("--wait s", "'' is no number", id="a unit alone"),
        pytest.param("--survive 2", "survive 2 of 2 zones", id="no zone left"),
        pytest.param("--wait 60", "write it as 500ms, 30s", id="no unit"),
        pytest.param("--wait 0s", "wait: 0 can't be used", id="no wait"),
        pytest.param("--price 0.2", "0.2 of what. Add --currency", id="no currency"),
        pytest.param("--price 0.2 --currency euro", "three letters", id="no such currency"),
        pytest.param("--currency EUR", "there is no price in EUR", id="no price"),
        pytest.param("--price -1 --currency EUR", "price: -1 can't be used", id="a gift"),
        pytest.param("--node cpu=4,memory=512Mi", "nothing left for the system", id="a small node"),
        pytest.param("--node cpu=500m,memory=700Mi", "a pod of .* asks for", id="a small one"),
        pytest.param("--node cpus=4", "no key 'cpus'; did you mean cpu", id="a node's typo"),
        pytest.param("--node nowhere.yaml", "nowhere.yaml can't be read", id="no file"),
        pytest.param("--node memory=16,cpu=4", "512Mi or 16Gi", id="memory without unit"),
        pytest.param("--growth 20%", "20%/year", id="growth without time"),
        pytest.param("--growth -5%/year", "from 0 to 1000 %", id="shrinking"),
        pytest.param("--growth 900%/year --horizon 10y", "10,000,000 are the most", id="overflow"),
        pytest.param("--growth 5%/year --horizon 99y", "horizon: 99", id="too far"),
        pytest.param("--assume cor-app=5", "no service 'cor-app'", id="unknown service"),
        pytest.param("--assume core-app", "NAME=VALUE", id="no value"),
        pytest.param("--assume core-app=0", "assume.core-app: 0", id="takes nothing"),
        pytest.param("--set insurer=5", "did you mean insurers", id="unknown input"),
        pytest.param("--what-if people", "NAME=VALUE", id="half a what-if"),
        pytest.param("--what-if poeple=5", "did you mean people", id="a what-if's typo"),
        pytest.param("--insurers 0", "insurers: 0", id="no insurer"),
        pytest.param("--assume-costs 0s", "more than 0s", id="no time"),
    ],
)
def test_bad_input_says_what_to_do(
    insurectl: Call, system: FakeSystem, line: str, said: str
) -> None:
    found = insurectl(system, *PEAK, *line.split())
    assert found.code == ExitCode.USAGE
    assert re.search(said, found.err), found.err


def test_a_node_is_keys_with_values() -> None:
    assert node("cpu=4, price=1") == [("node.cpu", "4"), ("price", "1")]
    assert split("people=5,zones=3") == [("people", "5"), ("zones", "3")]
    with pytest.raises(BadInput, match="NAME=VALUE"):
        split("people=")
