"""What the partner API takes and gives; names in the API's own spelling."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from system.core_app.domain import Application, Offer, Page, Policy, Product, Status


class MoneyBody(BaseModel):
    """``amount``: a decimal number as text, since a float would round it."""

    amount: str
    currency: Literal["RUB"]


class ApplicationBody(BaseModel):
    """An application that was acknowledged."""

    id: UUID
    status: Status
    clientId: UUID
    createdAt: datetime


class OfferBody(BaseModel):
    """What an insurer offers."""

    id: UUID
    insurer: str
    productCode: str
    premium: MoneyBody
    validUntil: datetime
    receivedAt: datetime


class OffersBody(BaseModel):
    """What came so far; ``done``: no more comes."""

    status: Status
    done: bool
    offers: list[OfferBody]


class PolicyAsked(BaseModel):
    """The offer to buy."""

    model_config = ConfigDict(extra="forbid")

    offerId: UUID


class PolicyBody(BaseModel):
    """A policy that was issued."""

    id: UUID
    number: str
    applicationId: UUID
    offerId: UUID
    insurer: str
    premium: MoneyBody
    startsOn: date
    issuedAt: datetime


class ProductBody(BaseModel):
    """What an insurer sells."""

    id: UUID
    insurer: str
    code: str
    name: str
    kind: str
    baseRate: str
    validFrom: date


class ProductsBody(BaseModel):
    """Some of the products; the next ones come with ``after``, if there are any."""

    products: list[ProductBody]
    after: UUID | None


def application(one: Application) -> ApplicationBody:
    """As the partner sees it."""
    return ApplicationBody(
        id=one.id, status=one.status, clientId=one.client_id, createdAt=one.created_at
    )


def offers(of: Application, kept: list[Offer]) -> OffersBody:
    """As the partner sees them."""
    shown = [
        OfferBody(
            id=one.id,
            insurer=one.insurer,
            productCode=one.product_code,
            premium=MoneyBody(amount=str(one.premium), currency="RUB"),
            validUntil=one.valid_until,
            receivedAt=one.received_at,
        )
        for one in kept
    ]
    return OffersBody(status=of.status, done=of.status != "ACCEPTED", offers=shown)


def policy(one: Policy) -> PolicyBody:
    """As the partner sees it."""
    return PolicyBody(
        id=one.id,
        number=one.number,
        applicationId=one.application_id,
        offerId=one.offer_id,
        insurer=one.insurer,
        premium=MoneyBody(amount=str(one.premium), currency="RUB"),
        startsOn=one.starts_on,
        issuedAt=one.issued_at,
    )


def products(found: Page[Product]) -> ProductsBody:
    """As the partner sees them."""
    shown = [
        ProductBody(
            id=one.id,
            insurer=one.insurer,
            code=one.code,
            name=one.name,
            kind=one.kind,
            baseRate=str(one.base_rate),
            validFrom=one.valid_from,
        )
        for one in found.nodes
    ]
    return ProductsBody(products=shown, after=found.after)
