"""What counts as a change, and what as a wrong answer."""

from typing import Any

import pytest
from pydantic import ValidationError

from system.ins_product_aggregator.domain import (
    Catalogue,
    Collected,
    Product,
    Wrong,
    changes,
    check,
    insurers,
    product_id,
)

LISTED: dict[str, Any] = {
    "code": "osago-base",
    "name": "Base",
    "kind": "osago",
    "baseRate": "4118.00",
    "coefficients": {"region": {"77": "1.80"}, "power": "1.2"},
    "commissionPercent": "12.50",
    "active": True,
    "validFrom": "2026-01-01",
}


def told(**other: Any) -> dict[str, Any]:
    """A product's content as it is kept."""
    listed = Catalogue.model_validate({"products": [{**LISTED, **other}]}).products[0]
    return listed.model_dump(mode="json", exclude={"code"})


def stored(code: str = "osago-base", version: int = 3, **other: Any) -> Product:
    return Product(
        id=product_id("alpha", code),
        insurer="alpha",
        code=code,
        content=told(**other),
        version=version,
    )


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param([], {"osago-base": told()}, [("osago-base", 1, True)], id="a new one"),
        pytest.param([stored()], {"osago-base": told()}, [], id="the same: nothing"),
        pytest.param(
            [stored()],
            {"osago-base": told(baseRate="4118.0", commissionPercent="12.5")},
            [],
            id="the same number written otherwise: nothing",
        ),
        pytest.param(
            [stored()], {"osago-base": told(baseRate="1")}, [("osago-base", 4, True)], id="a change"
        ),
        pytest.param([stored()], {}, [("osago-base", 4, False)], id="no longer listed"),
        pytest.param([stored(active=False)], {}, [], id="no longer listed, and known before"),
        pytest.param(
            [stored(active=False)],
            {"osago-base": told()},
            [("osago-base", 4, True)],
            id="listed again",
        ),
    ],
)
def test_a_product_changes_when_its_insurer_says_something_else(
    before: list[Product], now: dict[str, dict[str, Any]], expected: list[tuple[str, int, bool]]
) -> None:
    found = changes("alpha", before, Collected(contents=now))
    assert [(one.code, one.version, one.content["active"]) for one in found] == expected


def test_a_product_whose_tariff_could_not_be_had_stays_as_it_was() -> None:
    kept = Collected(contents={}, kept=frozenset({"osago-base"}))
    assert changes("alpha", [stored()], kept) == []


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"baseRate": "-1"}, id="a negative rate"),
        pytest.param({"baseRate": "NaN"}, id="no number"),
        pytest.param({"baseRate": 4118.0}, id="a float"),
        pytest.param({"baseRate": "1e400"}, id="a number without end"),
        pytest.param({"baseRate": "٣"}, id="digits of another script that \\d would take"),
        pytest.param({"code": "../admin"}, id="a code that would change a path"),
        pytest.param({"code": "a\nb"}, id="a code of two lines"),
        pytest.param({"kind": "casco"}, id="a kind nobody sells here"),
        pytest.param({"name": ""}, id="no name"),
        pytest.param({"coefficients": {"region": {"77": -1}}}, id="a wrong coefficient"),
        pytest.param({"coefficients": {f"{n}": "1" for n in range(101)}}, id="too many of them"),
        pytest.param({"validFrom": "2026-02-31"}, id="no day of the calendar"),
        pytest.param({"active": None}, id="neither active nor not"),
    ],
)
def test_a_wrong_product_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Catalogue.model_validate({"products": [{**LISTED, **other}]})


@pytest.mark.parametrize(
    "products",
    [
        pytest.param([LISTED, LISTED], id="one product twice"),
        pytest.param([{**LISTED, "commissionPercent": "101"}], id="more than all of it"),
        pytest.param([{**LISTED, "baseRate": "0.00"}], id="a rate of nothing"),
    ],
)
def test_what_is_right_in_its_parts_only_is_refused(products: list[dict[str, Any]]) -> None:
    with pytest.raises(Wrong):
        check(Catalogue.model_validate({"products": products}))


def test_insurers_are_counted_as_everywhere() -> None:
    assert insurers(2) == ("alpha", "beta")
    assert insurers(12)[9:] == ("kappa", "insurer-11", "insurer-12")


def test_an_id_is_the_same_wherever_it_is_computed() -> None:
    assert str(product_id("alpha", "osago-base")) == "5079ea1e-2bcc-5f4b-8e4d-fa4f39e49f36"
