"""Applications: what they are and when two are the same."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Channel = Literal["web", "partner"]
KEY_LENGTH = 200
KEY = r"^[\x21-\x7e]{1,200}$"  # what fits into a header, in every channel
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
class Application:
    """One that was acknowledged. ``owner``: the partner's id, or ``web``."""

    id: UUID
    client_id: UUID
    client_name: str
    status: str
    created_at: datetime


class UnknownClient(Exception):
    """client-info knows no such client."""


class KeyReused(Exception):
    """The idempotency key was used before, for something else."""


class ClientInfoAway(Exception):
    """client-info does not answer; nothing was stored, and the same key may come again."""
