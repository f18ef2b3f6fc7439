"""Products of insurers: what one is, when one is wrong, and what has changed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

SPACE = uuid5(NAMESPACE_URL, "insure-system/products")
NAMED = (
    *("alpha", "beta", "gamma", "delta", "epsilon"),
    *("zeta", "eta", "theta", "iota", "kappa"),
)
AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")

MOST_PRODUCTS = 200  # of one insurer; more is no catalogue but a fault
MOST_COEFFICIENTS = 100  # as the contract of the event has it


def insurers(number: int) -> tuple[str, ...]:
    """The codes of that many insurers, in the order in which all services count them."""
    more = (f"insurer-{position}" for position in range(len(NAMED) + 1, number + 1))
    return (*NAMED[:number], *more)


def product_id(insurer: str, code: str) -> UUID:
    """The same wherever it is computed."""
    return uuid5(SPACE, f"{insurer}/{code}")


def _amount(text: str) -> str:
    """One text for one number, so that "1.80" after "1.8" is no change."""
    if not AMOUNT.fullmatch(text):
        raise ValueError("this is no decimal number")
    return format(Decimal(text).normalize(), "f")


Amount = Annotated[str, AfterValidator(_amount)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,64}$")]
Coefficients = Annotated[
    dict[Key, Amount | Annotated[dict[Key, Amount], Field(max_length=MOST_COEFFICIENTS)]],
    Field(max_length=MOST_COEFFICIENTS),
]


class Listed(BaseModel):
    """A product as its insurer lists it."""

    code: Code
    name: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
    kind: Literal["osago"]
    baseRate: Amount  # the insurers' word
    coefficients: Coefficients = {}
    commissionPercent: Amount  # the insurers' word
    active: bool = True
    validFrom: date  # the insurers' word


class Catalogue(BaseModel):
    """All that an insurer lists."""

    products: list[Listed] = Field(max_length=MOST_PRODUCTS)


class Tariff(BaseModel):
    """What a product costs; its word counts, not the list's."""

    product: Code
    baseRate: Amount  # the insurers' word
    coefficients: Coefficients


class Wrong(Exception):
    """The insurer answered something that can't be true."""


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What one insurer said. ``kept``: codes it lists whose tariff it did not give; they stay."""

    contents: Mapping[str, dict[str, Any]]
    kept: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Product:
    """One as it is stored."""

    id: UUID
    insurer: str
    code: str
    content: dict[str, Any]
    version: int

    def payload(self) -> dict[str, Any]:
        """What the event says of it."""
        ids = {"productId": str(self.id), "insurer": self.insurer, "code": self.code}
        return {**ids, **self.content}


def check(catalogue: Catalogue) -> Catalogue:
    """Raises Wrong where the parts are fine and the whole is not."""
    codes = [listed.code for listed in catalogue.products]
    if len(codes) != len(set(codes)):
        raise Wrong("a product is listed twice")
    for listed in catalogue.products:
        if Decimal(listed.commissionPercent) > 100:
            raise Wrong(f"{listed.code}: a commission of {listed.commissionPercent} %")
        if not Decimal(listed.baseRate):
            raise Wrong(f"{listed.code}: a base rate of nothing")
    return catalogue


def content(listed: Listed, tariff: Tariff) -> dict[str, Any]:
    """The two answers put together; raises Wrong when they speak of different products."""
    if tariff.product != listed.code:
        raise Wrong(f"the tariff of {listed.code} is one of {tariff.product}")
    if not Decimal(tariff.baseRate):
        raise Wrong(f"{listed.code}: a base rate of nothing")
    both = listed.model_copy(
        update={"baseRate": tariff.baseRate, "coefficients": tariff.coefficients}
    )
    return both.model_dump(mode="json", exclude={"code"})


def changes(insurer: str, before: Sequence[Product], now: Collected) -> list[Product]:
    """The products that are not as they were, each with its next version; what is no longer
    listed is not active any more."""
    known = {product.code: product for product in before}
    wanted = dict(now.contents)
    for code, product in known.items():
        if code not in wanted and code not in now.kept:
            wanted[code] = {**product.content, "active": False}
    return [
        Product(
            id=product_id(insurer, code),
            insurer=insurer,
            code=code,
            content=told,
            version=known[code].version + 1 if code in known else 1,
        )
        for code, told in sorted(wanted.items())
        if code not in known or known[code].content != told
    ]
