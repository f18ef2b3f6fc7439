"""The insurers: what each answers. All of it follows from the insurer's code and the application's
id, so that whoever asks again gets the same, from any process."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")
PLANS = {"osago-base": "Base", "osago-plus": "Plus", "osago-taxi": "Taxi"}
REGIONS = {"77": "2.00", "78": "1.80", "50": "1.70", "23": "1.30", "16": "1.20"}
REFERENCE = re.compile(r"([a-z0-9-]{1,40})_([0-9a-f]{32})_([0-9a-f]{1,12})")
VALID_FOR = timedelta(days=30)
VALID_FROM = "2026-01-01"


def codes(insurers: int) -> tuple[str, ...]:
    """Their codes, in order; after those with a name they are numbered."""
    return (*NAMES[:insurers], *(f"insurer-{n}" for n in range(len(NAMES) + 1, insurers + 1)))


class Behaviour(BaseModel):
    """How one insurer behaves. Ratios are shares of all calls, times are means of a gamma
    distribution with the coefficient of variation ``cv``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    create_ms: float = Field(default=30, ge=0, le=120_000)
    offer_ms: float = Field(default=800, ge=0, le=120_000)
    cv: float = Field(default=0.4, ge=0, le=5)
    error_ratio: float = Field(default=0, ge=0, le=1)
    freeze: bool = False
    wrong_ratio: float = Field(default=0, ge=0, le=1)
    slow_body_ms: float = Field(default=0, ge=0, le=120_000)
    limit_ratio: float = Field(default=0, ge=0, le=1)
    refuse_ratio: float = Field(default=0.05, ge=0, le=1)
    # any change of it changes the insurer's base rates
    tariff_version: int = Field(default=1, ge=1, le=1_000_000)


def usual(number: int) -> Behaviour:
    """The defaults of the insurer at this place of the list: each a little slower than the one
    before, so that offers arrive one by one."""
    return Behaviour(offer_ms=600 + 200 * number)


@dataclass(frozen=True)
class Reference:
    """What an insurer calls an application. It carries when its offer is ready, in ms of Unix
    time: nothing has to be kept."""

    insurer: str
    application: UUID
    ready_ms: int

    def text(self) -> str:
        """As the API shows it."""
        return f"{self.insurer}_{self.application.hex}_{self.ready_ms:x}"

    @classmethod
    def read(cls, text: str) -> "Reference | None":
        """None for what is none of ours."""
        found = REFERENCE.fullmatch(text)
        if found is None:
            return None
        return cls(found[1], UUID(hex=found[2]), int(found[3], 16))


def share(insurer: str, application: UUID, what: str) -> float:
    """A number in [0, 1) that is always the same for the same."""
    text = f"{insurer}/{application.hex}/{what}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest()) / 2**48


def offer(reference: Reference, refuse_ratio: float) -> dict[str, Any]:
    """The insurer's decision on an application."""
    insurer, application = reference.insurer, reference.application
    if share(insurer, application, "refuse") < refuse_ratio:
        return {"status": "refused", "reason": "the risk is not accepted"}
    cents = 400_000 + int(share(insurer, application, "premium") * 1_200_000)
    plans = list(PLANS)
    plan = plans[int(share(insurer, application, "plan") * len(plans))]
    until = datetime.fromtimestamp(reference.ready_ms // 1000, UTC) + VALID_FOR
    return {
        "status": "ready",
        "offer": {
            "premium": {"amount": f"{cents // 100}.{cents % 100:02}", "currency": "RUB"},
            "productCode": plan,
            "validUntil": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    }


def products(insurer: str, version: int) -> list[dict[str, Any]]:
    """All products of an insurer."""
    return [_product(insurer, plan, version) for plan in PLANS]


def tariff(insurer: str, plan: str, version: int) -> dict[str, Any] | None:
    """What a product costs before anything is known of the driver; None for an unknown one."""
    if plan not in PLANS:
        return None
    made = _product(insurer, plan, version)
    rates = {"baseRate": made["baseRate"], "coefficients": made["coefficients"]}
    return {"product": plan, **rates, "version": version}


@lru_cache(maxsize=1000)
def _product(insurer: str, plan: str, version: int) -> dict[str, Any]:
    drawn = share(insurer, UUID(int=version), plan)
    taken = share(insurer, UUID(int=0), f"{plan}/commission")
    return {
        "code": plan,
        "name": f"{insurer.capitalize()} OSAGO {PLANS[plan]}",
        "kind": "osago",
        "baseRate": str((Decimal(3000) + Decimal(int(drawn * 400_000)) / 100).quantize(_CENT)),
        "coefficients": {"region": REGIONS, "power": {"upTo50": "0.60", "over150": "1.60"}},
        "commissionPercent": str((Decimal(5) + Decimal(int(taken * 1000)) / 100).quantize(_CENT)),
        "active": True,
        "validFrom": VALID_FROM,
    }


_CENT = Decimal("0.01")
