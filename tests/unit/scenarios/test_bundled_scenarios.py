"""The bundled scenarios parse, and their journeys call the system as its contracts say."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from string import Template
from typing import Any
from uuid import UUID

import pytest
import yaml
from graphql import GraphQLSchema, build_schema, execute_sync, parse, validate

from insurectl.adapters.locust import journey_file
from insurectl.adapters.scenario_file import bundled_names, load_scenario, scenarios_folder
from insurectl.planning.workload import arrivals, scenario_rates
from insurectl.records import Scenario
from system.core_app.domain import KEY, Asked
from system.shared.ids import seeded_client

CONTRACTS = Path(__file__).parents[3] / "system" / "contracts"
ARRIVALS = 60
MADE = UUID(int=1)


@dataclass
class FakeAnswer:
    status: int = 201
    headers: Mapping[str, str] = field(default_factory=dict)
    failure: str | None = None
    text: str = ""

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def json(self) -> Any:
        return None

    def fail(self, reason: str) -> None:
        self.failure = reason


@dataclass
class FakeHttp:
    """Refuses what the contracts refuse, and answers GraphQL in the form of the schema."""

    answer: FakeAnswer = field(default_factory=FakeAnswer)
    card_of: str | None = None
    names: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    partners: dict[str, set[str]] = field(default_factory=dict)
    clients: list[str] = field(default_factory=list)

    def get(self, path: str, **more: Any) -> FakeAnswer:
        raise AssertionError(f"no bundled journey reads {path}")

    def post(
        self,
        path: str,
        *,
        name: str,
        json: object,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> FakeAnswer:
        assert "post" in partner_api()["paths"][path]
        assert headers is not None
        asked = Asked.model_validate(json)
        self.names.append(name)
        self.clients.append(str(asked.clientId))
        self.keys.append(headers["Idempotency-Key"])
        self.partners.setdefault(name, set()).add(headers["X-API-Key"])
        return self.answer

    def graphql(
        self,
        query: str,
        *,
        name: str,
        variables: Mapping[str, object] | None = None,
        path: str = "/graphql",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        assert path == "/graphql"
        self.names.append(name)
        assert refused(query) == []
        result = execute_sync(
            web_api(), parse(query), self.root(), variable_values=dict(variables or {})
        )
        assert result.errors is None
        return result.data

    def root(self) -> dict[str, Any]:
        client = {"id": "c", "name": "n"}
        application = {"id": str(MADE), "status": "s", "createdAt": "t", "client": client}

        def create(info: Any, input: dict[str, Any], idempotencyKey: str) -> dict[str, Any]:
            self.clients.append(str(Asked.model_validate(input).clientId))
            self.keys.append(idempotencyKey)
            return application

        def card(info: Any, id: str) -> dict[str, Any]:
            self.clients.append(id)
            named = {"id": self.card_of or id, "name": "n", "age": 5, "birthDate": "d"}
            return {**named, "documents": [], "relatives": []}

        def read(info: Any, id: str) -> dict[str, Any]:
            assert id == str(MADE)
            return application

        return {"createApplication": create, "clientCard": card, "application": read}


@cache
def web_api() -> GraphQLSchema:
    return build_schema((CONTRACTS / "core-app.graphql").read_text())


@cache
def refused(query: str) -> Sequence[object]:
    return validate(web_api(), parse(query))


@cache
def partner_api() -> Any:
    return json.loads((CONTRACTS / "partner.openapi.json").read_text())


@pytest.fixture(autouse=True)
def _imports_of_journeys_end_with_the_test() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name == "insurance" or name.startswith("journey_"):
            del sys.modules[name]


def journey(scenario: Scenario, http: FakeHttp, partner_keys: Sequence[str] = "abcde") -> Any:
    return journey_file.load(Path(scenario.journey_file))(
        http, data=scenario.data, partner_keys=partner_keys, run_id="run", seed=scenario.seed
    )


def played(scenario: Scenario, http: FakeHttp | None = None, count: int = ARRIVALS) -> FakeHttp:
    http = http or FakeHttp()
    one = journey(scenario, http)
    for number in range(count):
        one.arrive(number)
        one.play()
    return http


def test_the_scenarios_are_those_that_users_were_promised() -> None:
    assert bundled_names() == (
        "client_card",
        "load_step",
        "memory_scaling",
        "osago_peak",
        "partner_limits",
        "rps_scaling",
        "trace",
    )


@pytest.mark.parametrize("name", bundled_names())
def test_a_bundled_scenario_is_named_as_its_file_and_has_something_to_play(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.thresholds
    for part in ("tune", "verify"):
        rates = scenario_rates(scenario, part=part)
        assert arrivals(rates, scenario.seed, scenario.arrivals) or scenario.model == "closed"
        assert len(rates) <= 180, "longer than anybody wants to wait"


@pytest.mark.parametrize("name", bundled_names())
def test_each_threshold_is_on_a_request_that_the_journey_makes(name: str) -> None:
    scenario = load_scenario(name)
    judged = {threshold.request for threshold in scenario.thresholds} - {"total"}
    assert judged <= set(played(scenario).names)


@pytest.mark.parametrize("name", bundled_names())
def test_clients_are_those_that_deploy_seeds(name: str) -> None:
    scenario = load_scenario(name)
    seed, count = int(scenario.data["seed"]), int(scenario.data["clients"])
    assert count == 5000, "as many as deploy seeds by default"
    seeded = {str(seeded_client(seed, number)) for number in range(1, count + 1)}
    assert set(played(scenario).clients) <= seeded


@pytest.mark.parametrize("name", [name for name in bundled_names() if name != "client_card"])
def test_idempotency_keys_are_new_for_each_arrival(name: str) -> None:
    keys = played(load_scenario(name)).keys
    assert len(set(keys)) == len(keys) > 0
    assert all(re.fullmatch(KEY, key) for key in keys)


@pytest.mark.parametrize("name", bundled_names())
def test_the_same_arrival_asks_for_the_same(name: str) -> None:
    scenario = load_scenario(name)
    assert played(scenario) == played(scenario)


def test_osago_peak_mostly_applies_and_sometimes_reads() -> None:
    names = played(load_scenario("osago_peak"), count=1000).names
    shares = {name: names.count(name) / 1000 for name in set(names)}
    assert shares["create_application"] == pytest.approx(0.8, abs=0.05)
    assert shares["client_card"] == pytest.approx(0.2, abs=0.05)
    assert shares["read_application"] == pytest.approx(0.1, abs=0.05)


def test_a_card_of_somebody_else_is_an_error_of_its_own() -> None:
    with pytest.raises(AssertionError, match="asked for the card of"):
        played(load_scenario("client_card"), FakeHttp(card_of="somebody"))


# ---- partner_limits ----


def test_two_partners_share_the_arrivals_one_to_two() -> None:
    http = played(load_scenario("partner_limits"))
    assert [len(partners) for partners in http.partners.values()] == [1, 1]
    assert http.partners["partner_10"] != http.partners["partner_20"]
    assert http.names[:6] == ["partner_10", "partner_20", "partner_20"] * 2


def test_one_partner_keeps_to_ten_a_minute_and_one_does_not() -> None:
    scenario = load_scenario("partner_limits")
    due = arrivals(scenario_rates(scenario, part="tune"), scenario.seed, scenario.arrivals)
    assert most_in_a_minute([at_s for number, at_s in enumerate(due) if number % 3 == 0]) == 10
    assert most_in_a_minute([at_s for number, at_s in enumerate(due) if number % 3]) > 10


def most_in_a_minute(due: Sequence[float]) -> int:
    return max(sum(start <= at_s < start + 60 for at_s in due) for start in due)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        pytest.param(FakeAnswer(), None, id="accepted"),
        pytest.param(FakeAnswer(429, {"Retry-After": "6"}), None, id="refused as promised"),
        pytest.param(FakeAnswer(429), "429 without a Retry-After in seconds", id="not told when"),
        pytest.param(
            FakeAnswer(429, {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}),
            "429 without a Retry-After in seconds",
            id="told in another form",
        ),
    ],
)
def test_a_refusal_has_to_say_when_to_come_again(answer: FakeAnswer, failure: str | None) -> None:
    one = journey(load_scenario("partner_limits"), FakeHttp(answer))
    one.arrive(1)
    one.play()
    assert answer.failure == failure


def test_without_the_keys_of_partners_it_says_where_they_come_from() -> None:
    one = journey(load_scenario("partner_limits"), FakeHttp(), partner_keys=())
    one.arrive(1)
    with pytest.raises(LookupError, match="insurectl deploy"):
        one.play()


# ---- what they rest on ----


@pytest.mark.parametrize("document", ["write", "read"])
def test_the_probe_of_failover_asks_as_the_contract_says(document: str) -> None:
    probe = yaml.safe_load((scenarios_folder() / "probe.yaml").read_text())
    values = {**probe["values"], "key": "k", "id": str(MADE)}
    result = execute_sync(
        web_api(), parse(Template(probe[document]).substitute(values)), FakeHttp().root()
    )
    assert result.errors is None
    assert result.data == {"result": {"id": str(MADE)}}
    assert probe["values"]["client"] == str(seeded_client(7, 1))


def test_a_journey_is_loaded_without_patching_the_process() -> None:
    code = (
        "import sys; from pathlib import Path; from insurectl.adapters.locust import journey_file; "
        "journey_file.load(Path(sys.argv[1])); "
        "sys.exit(bool({'gevent', 'locust', 'system'} & set(sys.modules)))"
    )
    journeys = {load_scenario(name).journey_file for name in bundled_names()}
    for path in journeys:
        subprocess.run([sys.executable, "-W", "error", "-c", code, path], check=True, timeout=60)


def test_a_trace_stands_beside_its_source_and_licence() -> None:
    told = (scenarios_folder() / "traces" / "README.md").read_text()
    for trace in (scenarios_folder() / "traces").glob("*.txt"):
        assert f"`{trace.name}`" in told
    assert "https://github.com/microsoft/autothrottle" in told
    assert "Permission is hereby granted, free of charge" in told
