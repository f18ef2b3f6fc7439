"""Event contracts: what they refuse, and that they only ever grow."""

import copy
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from system.shared import contracts
from tests.system.additive import narrowed
from tests.system.event_streams import event
from tests.system.replicas import ROOT

BEFORE = ROOT / "tests" / "system" / "contracts_before"
Schema = dict[str, Any]
PRODUCT = {
    "productId": "018f3e5a-0000-7000-8000-000000000001",
    "insurer": "alpha",
    "code": "osago-base",
    "name": "OSAGO",
    "kind": "osago",
    "baseRate": "4500.00",
    "coefficients": {"region": {"77": "1.8"}, "power": "1.2"},
    "commissionPercent": "12.5",
    "active": True,
    "validFrom": "2026-11-01",
}


def _product(**more: Any) -> Schema:
    payload = {**PRODUCT, **more}
    return event(uuid.uuid4(), 1, event_type="products.updated", payload=payload)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(event(uuid.uuid4(), 1), id="policies.issued"),
        pytest.param(_product(), id="products.updated"),
        pytest.param(_product(fromTheFuture=1), id="with a field that a later version may add"),
    ],
)
def test_a_contract_lets_through_what_it_describes(told: Schema) -> None:
    contracts.check(told)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        pytest.param(_product(baseRate=4500.0), "baseRate", id="an amount as a float"),
        pytest.param(_product(baseRate="1e3"), "baseRate", id="an amount with an exponent"),
        pytest.param(_product(validFrom="2026-02-31"), "validFrom", id="no such day"),
        pytest.param(_product(coefficients={"a": {"b": 1}}), "coefficients", id="a number inside"),
        pytest.param(_product(active="yes"), "active", id="text for a truth value"),
        pytest.param(_product(insurer="A B"), "insurer", id="no insurer's code"),
        pytest.param({**_product(), "version": True}, "version a number", id="True as version"),
        pytest.param([], "an object", id="no object"),
    ],
)
def test_a_contract_refuses_what_it_does_not_describe(told: Any, reason: str) -> None:
    with pytest.raises(contracts.Refused, match=reason):
        contracts.check(told)


@pytest.mark.parametrize("path", sorted(BEFORE.glob("*.json")), ids=lambda path: path.stem)
def test_contracts_only_grow(path: Any) -> None:
    before = json.loads(path.read_text(encoding="utf-8"))
    now = contracts.schemas().get(path.stem)
    assert now is not None, f"{path.stem} was removed: its producer and consumers may still run"
    assert narrowed(before, now) == []


def test_every_contract_is_held_to_what_it_was() -> None:
    assert {path.stem for path in BEFORE.glob("*.json")} == set(contracts.schemas())


def _payload(schema: Schema) -> Schema:
    found: Schema = schema["properties"]["payload"]
    return found


def _remove_field(schema: Schema) -> None:
    del _payload(schema)["properties"]["insurer"]


def _require_new(schema: Schema) -> None:
    _payload(schema)["properties"]["agent"] = {"type": "string"}
    _payload(schema)["required"].append("agent")


def _no_longer_required(schema: Schema) -> None:
    _payload(schema)["required"].remove("premium")


def _narrow_enum(schema: Schema) -> None:
    _payload(schema)["properties"]["channel"] = {"enum": ["web"]}


def _widen_enum(schema: Schema) -> None:
    _payload(schema)["properties"]["channel"]["enum"].append("branch")


def _change_type(schema: Schema) -> None:
    _payload(schema)["properties"]["premium"]["properties"]["amount"] = {"type": "number"}


def _no_null(schema: Schema) -> None:
    _payload(schema)["properties"]["productId"] = {"$ref": "#/definitions/uuid"}


def _narrow_definition(schema: Schema) -> None:
    schema["definitions"]["time"]["maxLength"] = 20


def _add_bound(schema: Schema) -> None:
    _payload(schema)["maxProperties"] = 10


def _close(schema: Schema) -> None:
    _payload(schema)["additionalProperties"] = False


def _rename(schema: Schema) -> None:
    schema["properties"]["event_type"]["const"] = "policies.sold"


def _drop_consumer(schema: Schema) -> None:
    schema["x-consumers"] = []


@pytest.mark.parametrize(
    "change",
    [
        _remove_field,
        _require_new,
        _no_longer_required,
        _narrow_enum,
        _widen_enum,
        _change_type,
        _no_null,
        _narrow_definition,
        _add_bound,
        _close,
        _rename,
        _drop_consumer,
    ],
)
def test_a_change_that_is_no_addition_is_found(change: Callable[[Schema], None]) -> None:
    before = contracts.schemas()["policies.issued.v1"]
    changed = copy.deepcopy(before)
    change(changed)
    assert narrowed(before, changed)


def test_an_optional_field_and_another_consumer_are_additions() -> None:
    before = contracts.schemas()["policies.issued.v1"]
    changed = copy.deepcopy(before)
    _payload(changed)["properties"]["agent"] = {"type": "string"}
    changed["definitions"]["colour"] = {"enum": ["red"]}
    changed["x-consumers"].append("core-app")
    changed["title"] = "Other words"
    assert narrowed(before, changed) == []
