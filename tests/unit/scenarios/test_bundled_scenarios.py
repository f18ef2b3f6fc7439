"""The bundled scenarios parse, and their journeys call the system as its contracts say."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from insurectl.adapters.locust.event_stream import Event
from insurectl.adapters.scenario_file import bundled_names, load_scenario, scenarios_folder
from insurectl.planning.workload import arrivals, scenario_rates
from insurectl.records import Scenario
from system.core_app.domain import KEY, Asked
from system.insurer_stub.domain import Behaviour, codes
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
    content: Any = None

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def json(self) -> Any:
        return self.content

    def fail(self, reason: str) -> None:
        self.failure = reason


@dataclass
class FakeStreamed(FakeAnswer):
    events: Sequence[Event] = ()


@dataclass
class FakeHttp:
    """Refuses what the contracts refuse, and answers GraphQL in the form of the schema."""

    answer: FakeAnswer = field(default_factory=FakeAnswer)
    card_of: str | None = None
    offers: Sequence[str] = ("alpha",)
    register: Sequence[Mapping[str, str]] = ({"insurer": "alpha", "premium": "5432.10"},)
    names: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    partners: dict[str, set[str]] = field(default_factory=dict)
    clients: list[str] = field(default_factory=list)
    changed: list[tuple[str, str, str]] = field(default_factory=list)
    answers: list[FakeAnswer] = field(default_factory=list)

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

    def put(self, path: str, *, name: str, json: object, headers: Mapping[str, str]) -> FakeAnswer:
        Behaviour.model_validate(json)
        return self._change("put", path, headers)

    def delete(self, path: str, *, name: str, headers: Mapping[str, str]) -> FakeAnswer:
        return self._change("delete", path, headers)

    def _change(self, how: str, path: str, headers: Mapping[str, str]) -> FakeAnswer:
        assert headers["Authorization"] == "Bearer operator/load"
        self.changed.append((how, headers["X-Zone"], path.removeprefix("/insurers/admin/")))
        return self.answer

    def stream(
        self,
        path: str,
        *,
        name: str,
        first_name: str,
        until: str,
        headers: Mapping[str, str],
    ) -> FakeStreamed:
        assert path == f"/web/v1/applications/{MADE}/offers"
        self._customer(headers)
        self.names += [name, first_name]
        offers = [Event("offer", json.dumps({"id": "o", "insurer": one})) for one in self.offers]
        streamed = FakeStreamed(200, events=[*offers, Event("done", "{}")])
        self.answers.append(streamed)
        return streamed

    def poll(
        self, path: str, *, name: str, found: Callable[[Any], bool], headers: Mapping[str, str]
    ) -> FakeAnswer:
        assert path == "/settlement/v1/register?policyId=p"
        assert headers["Authorization"] == "Bearer operator/load"
        self.names.append(name)
        answer = FakeAnswer(200, content={"items": list(self.register)})
        assert found(answer) is bool(self.register)
        assert not found(FakeAnswer(200))
        self.answers.append(answer)
        return answer

    def graphql(
        self,
        query: str,
        *,
        name: str,
        variables: Mapping[str, object] | None = None,
        path: str = "/graphql",
        headers: Mapping[str, str],
    ) -> Any:
        assert path == "/graphql"
        self.names.append(name)
        assert refused(query) == []
        result = execute_sync(
            web_api(),
            parse(query),
            self.root(self._customer(headers)),
            variable_values=dict(variables or {}),
        )
        assert result.errors is None
        return result.data

    def _customer(self, headers: Mapping[str, str]) -> str:
        role, _, client = headers["Authorization"].removeprefix("Bearer ").partition("/")
        assert role == "customer"
        self.clients.append(client)
        return client

    def root(self, client: str = "c") -> dict[str, Any]:
        vehicle = {"registrationNumber": "A001AA77", "make": "Lada", "model": "Vesta"}
        application = {
            "id": str(MADE),
            "status": "s",
            "createdAt": "t",
            "client": {"id": client, "name": "n"},
            "vehicle": vehicle,
        }
        premium = {"amount": "5432.10", "currency": "RUB"}
        policy = {"id": "p", "number": "n", "insurer": "alpha", "premium": premium}
        policy |= {"applicationId": str(MADE), "startsOn": "2030-01-01"}
        named = {"id": self.card_of or client, "name": "n", "age": 5, "birthDate": "d"}

        def create(info: Any, input: dict[str, Any], idempotencyKey: str) -> dict[str, Any]:
            Asked.model_validate({**input, "clientId": MADE})
            self.keys.append(idempotencyKey)
            return application

        def buy(info: Any, offerId: str, idempotencyKey: str) -> dict[str, Any]:
            assert offerId == "o"
            self.keys.append(idempotencyKey)
            return policy

        def read(info: Any, id: str) -> dict[str, Any]:
            assert id == str(MADE)
            return application

        def page(*nodes: dict[str, Any]) -> Any:
            return lambda info, **_: {"nodes": nodes, "endCursor": None, "hasNextPage": False}

        return {
            "createApplication": create,
            "buyOffer": buy,
            "myCard": {**named, "documents": [], "relatives": []},
            "application": read,
            "applications": page(application),
            "myPolicies": page(policy),
            "products": page(),
        }


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
        http,
        data=scenario.data,
        partner_keys=partner_keys,
        run_id="run",
        seed=scenario.seed,
        token=lambda subject, role: f"{role}/{subject}",
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
        "card_browse",
        "evening",
        "load_step",
        "memory_scaling",
        "osago_peak",
        "partner_limits",
        "rps_scaling",
        "settlement_backlog",
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


@pytest.mark.parametrize("name", [name for name in bundled_names() if name != "card_browse"])
def test_idempotency_keys_are_new_for_each_arrival(name: str) -> None:
    keys = played(load_scenario(name), count=300).keys
    assert len(set(keys)) == len(keys) > 0
    assert all(re.fullmatch(KEY, key) for key in keys)


@pytest.mark.parametrize("name", bundled_names())
def test_the_same_arrival_asks_for_the_same(name: str) -> None:
    scenario = load_scenario(name)
    assert played(scenario) == played(scenario)


@pytest.mark.parametrize("name", ["evening", "load_step", "memory_scaling", "rps_scaling", "trace"])
def test_a_load_for_replicas_hardly_asks_the_insurers(name: str) -> None:
    names = played(load_scenario(name), count=2000).names
    assert 0 < names.count("create_application") / 2000 <= 0.03


def test_a_card_of_somebody_else_is_an_error_of_its_own() -> None:
    with pytest.raises(AssertionError, match="got the card of somebody"):
        played(load_scenario("card_browse"), FakeHttp(card_of="somebody"))


# ---- osago_peak ----

EIGHT = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "kappa")


def test_the_peak_is_of_2500_people_within_a_minute_who_have_time_to_stay() -> None:
    scenario = load_scenario("osago_peak")
    rates = scenario_rates(scenario, part="tune")
    due = arrivals(rates, scenario.seed, scenario.arrivals)
    assert len(due) == 2500
    assert max(due) < 60 < len(rates) - 60


@pytest.mark.parametrize(
    ("offers", "failure"),
    [
        pytest.param(EIGHT, None, id="of all but the failing and the frozen"),
        pytest.param(EIGHT[1:], "7 offers, wanted 8", id="one is missing"),
        pytest.param((*EIGHT[1:], "beta"), "7 offers, wanted 8", id="one twice is one"),
    ],
)
def test_everybody_gets_the_offers_of_all_that_can_make_one(
    offers: Sequence[str], failure: str | None
) -> None:
    http = played(load_scenario("osago_peak"), FakeHttp(offers=offers), count=1)
    assert [one.failure for one in http.answers] == [failure]


@pytest.mark.parametrize(("part", "how"), [("prepare", "put"), ("finish", "delete")])
def test_every_insurer_of_every_zone_is_set_before_and_reset_afterwards(
    part: str, how: str
) -> None:
    http = FakeHttp()
    getattr(journey(load_scenario("osago_peak"), http), part)()
    assert sorted(http.changed) == sorted(
        (how, zone, code) for zone in ("a", "b") for code in codes(10)
    )


# ---- settlement_backlog ----

ENTRY = {"insurer": "alpha", "premium": "5432.10"}


@pytest.mark.parametrize(
    ("register", "fails"),
    [
        pytest.param([ENTRY], False, id="once"),
        pytest.param([ENTRY, ENTRY], True, id="twice"),
        pytest.param([{**ENTRY, "premium": "5432.11"}], True, id="another amount"),
        pytest.param([{**ENTRY, "insurer": "beta"}], True, id="another insurer"),
    ],
)
def test_a_policy_has_to_be_settled_once_with_its_own_premium(
    register: Sequence[Mapping[str, str]], fails: bool
) -> None:
    http = played(load_scenario("settlement_backlog"), FakeHttp(register=register), count=1)
    assert (http.answers[-1].failure is not None) is fails
    assert len(set(http.keys)) == 2


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
    asked = Template(probe[document]).substitute(values)
    assert refused(asked) == []
    result = execute_sync(web_api(), parse(asked), FakeHttp().root())
    assert result.errors is None
    assert result.data == {"result": {"id": str(MADE)}}
    assert probe["customer"] == str(seeded_client(7, 1))


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
