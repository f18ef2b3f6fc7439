"""Applications, what came of each insurer, offers: pure."""

import hashlib
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")
LONGEST_S = 60.0  # what an application may take in all, whatever its caller would grant
CODE = r"^[a-z0-9][a-z0-9-]{0,39}$"
AMOUNT = re.compile(r"[0-9]{1,9}\.[0-9]{2}")
PRODUCT = re.compile(CODE)
ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True)
State = Literal["pending", "offered", "refused", "failed", "timeout"]


def codes(insurers: int) -> tuple[str, ...]:
    """The insurers, in order; after those with a name they are numbered."""
    return (*NAMES[:insurers], *(f"insurer-{n}" for n in range(len(NAMES) + 1, insurers + 1)))


class Vehicle(BaseModel):
    """What is to be insured."""

    model_config = ConfigDict(extra="forbid")

    registrationNumber: str = Field(min_length=1, max_length=20)  # the API's word
    vin: str = Field(pattern=r"^[A-HJ-NPR-Z0-9]{17}$")
    make: str = Field(min_length=1, max_length=50)
    model: str = Field(min_length=1, max_length=50)
    year: int = Field(strict=True, ge=1900, le=2100)
    powerHp: int = Field(strict=True, ge=1, le=3000)  # the API's word


class Asked(BaseModel):
    """An application as core-app submits it."""

    model_config = ConfigDict(extra="forbid")

    id: uuid.UUID
    vehicle: Vehicle
    startsOn: date  # the API's word

    def canonical(self) -> str:
        """Equal for equal applications."""
        return compact(self.model_dump(mode="json"))


def digest(canonical: str) -> str:
    """By which a repeat is told from a conflict."""
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def compact(value: Any) -> str:
    """JSON in ASCII without spaces, its keys in order."""
    return ENCODER.encode(value)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one insurer. ``offer``: the insurer's own, when there is one."""

    state: State
    reason: str = ""
    offer: dict[str, Any] | None = None

    def event(self, application: str, insurer: str) -> str:
        """The line of the stream: its kind, a space, its JSON. An offer tells its insurer's state
        with it; nothing else is said for that."""
        if self.offer is None:
            told = {"insurer": insurer, "state": self.state, "reason": self.reason}
            return f"insurer {compact(told)}"
        offer_id = str(uuid.uuid5(uuid.UUID(application), insurer))
        ids = {"offerId": offer_id, "applicationId": application, "insurer": insurer}
        return f"offer {compact({**ids, **self.offer, 'receivedAt': stamp()})}"


class WrongAnswer(ValueError):
    """An insurer's answer that makes no sense; says why."""


def read_offer(answer: Any) -> Outcome:
    """What an insurer decided, read with suspicion: a wrong premium must reach no customer."""
    match answer:
        case {"status": "refused", "reason": str(reason)}:
            return Outcome(state="refused", reason=reason[:200])
        case {
            "status": "ready",
            "offer": {
                "premium": {"amount": str(amount), "currency": "RUB"},
                "productCode": str(product),
                "validUntil": str(until),
            },
        }:
            _must(AMOUNT.fullmatch(amount) and float(amount) > 0, "the premium is no amount")
            _must(PRODUCT.fullmatch(product), "the product's code is none")
            _must(_is_moment(until), "validUntil is no moment")
            premium = {"amount": amount, "currency": "RUB"}
            offer = {"premium": premium, "productCode": product, "validUntil": until}
            return Outcome(state="offered", offer=offer)
    raise WrongAnswer("neither an offer nor a refusal")


def read_reference(answer: Any) -> str:
    """What an insurer calls the application."""
    match answer:
        case {"reference": str(reference)} if re.fullmatch(r"[\w.~-]{1,200}", reference, re.ASCII):
            return reference
    raise WrongAnswer("no reference")


def read_products(answer: Any) -> Any:
    """An insurer's list of products."""
    match answer:
        case {"products": [*products]} if all(_is_product(product) for product in products):
            return products
    raise WrongAnswer("no list of products")


def read_tariff(answer: Any) -> Any:
    """A product's tariff."""
    match answer:
        case {"product": str(), "baseRate": str(rate), "coefficients": dict()}:
            _must(AMOUNT.fullmatch(rate), "the base rate is no amount")
            return answer
    raise WrongAnswer("no tariff")


def stamp(unix_s: float | None = None) -> str:
    """A moment, now unless told, as the API shows it."""
    at = datetime.now(UTC) if unix_s is None else datetime.fromtimestamp(unix_s, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_product(product: Any) -> bool:
    match product:
        case {"code": str(code), "name": str(), "kind": str(), "baseRate": str(rate)}:
            return bool(PRODUCT.fullmatch(code) and AMOUNT.fullmatch(rate))
    return False


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _must(holds: object, told: str) -> None:
    if not holds:
        raise WrongAnswer(told)
