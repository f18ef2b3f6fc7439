"""Applications, offers, policies: what they are and when two are the same."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Channel = Literal["web", "partner"]
Status = Literal["ACCEPTED", "OFFERED", "NO_OFFERS", "BOUGHT"]
Thing = TypeVar("Thing")
COLLECT_S = 60.0  # from an application's creation: then no offer comes any more
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KEY_LENGTH = 200
KEY = r"^[\x21-\x7e]{1,200}$"  # what fits into a header, in every channel
INSURER = r"^[a-z][a-z0-9-]{0,39}$"
TEXT = r"^[^\x00]*$"  # PostgreSQL keeps no NUL


class Vehicle(BaseModel):
    """The insured vehicle."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    registrationNumber: str = Field(min_length=1, max_length=20, pattern=TEXT)  # the API's word
    vin: str = Field(pattern=r"^[A-HJ-NPR-Z0-9]{17}$")
    make: str = Field(min_length=1, max_length=50, pattern=TEXT)
    model: str = Field(min_length=1, max_length=50, pattern=TEXT)
    year: int = Field(ge=1900, le=2100)
    powerHp: int = Field(ge=1, le=3000)  # the API's word


class Asked(BaseModel):
    """What somebody applies for."""

    model_config = ConfigDict(extra="forbid")

    clientId: UUID  # the API's word
    vehicle: Vehicle
    startsOn: date  # the API's word

    def digest(self) -> bytes:
        """Equal for equal requests; a key that comes again must come with the same."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose an object is. ``id``: on the web the client's, else the partner's."""

    channel: Channel
    id: UUID

    @property
    def names(self) -> tuple[str, ...]:
        """What stands in the column ``owner``: on the web the client's id, ``web`` in rows of the
        first version, whose client is in their column ``client_id``."""
        return (str(self.id),) if self.channel == "partner" else (str(self.id), "web")


@dataclass(frozen=True, kw_only=True)
class Application:
    """One that was acknowledged."""

    id: UUID
    client_id: UUID
    client_name: str
    vehicle: dict[str, Any]
    starts_on: date
    status: Status
    created_at: datetime

    def left_s(self, now: datetime) -> float:
        """For how long offers may still come."""
        return COLLECT_S - (now - self.created_at).total_seconds()


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What an insurer offers; ``id`` is the same whoever asks again."""

    id: UUID
    application_id: UUID
    insurer: str
    product_code: str
    premium: Decimal
    currency: str
    valid_until: datetime
    received_at: datetime


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One that was issued."""

    id: UUID
    number: str
    application_id: UUID
    offer_id: UUID
    client_id: UUID
    insurer: str
    product_id: UUID | None
    premium: Decimal
    currency: str
    starts_on: date
    issued_at: datetime


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product of an insurer, as its last event told."""

    id: UUID
    insurer: str
    code: str
    name: str
    kind: str
    base_rate: Decimal
    valid_from: date


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Thing]):
    """Some of a list. ``after`` of the next page: the id of its last; None at the end."""

    nodes: list[Thing]
    after: UUID | None


def policy_number(policy_id: UUID) -> str:
    """From the id, since a sequence would tie all policies to one database: its 128 bits in 26
    of Crockford's digits, which leave out what is misread."""
    bits = policy_id.int
    digits = (DIGITS[bits >> 5 * place & 31] for place in reversed(range(26)))
    return "OSG-" + "".join(digits)


class NotThere(Exception):
    """There is none, or it is another's, which nobody is told apart."""


class UnknownClient(NotThere):
    """client-info knows no such client."""


class KeyReused(Exception):
    """The idempotency key was used before, for something else."""


class NotForSale(Exception):
    """The offer can't be bought: it expired, or its application has a policy."""


class ClientInfoAway(Exception):
    """client-info does not answer; nothing was stored, and the same key may come again."""
