"""What the web page sees, in GraphQL's types."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

import strawberry
from strawberry.dataloader import DataLoader
from strawberry.types import Info

from system.core_app import domain, offer_store, store

Context = Info[dict[str, Any], None]
Node = TypeVar("Node")
Thing = TypeVar("Thing")


@strawberry.input
class VehicleInput:
    """The vehicle to insure."""

    registration_number: str
    vin: str
    make: str
    model: str
    year: int
    power_hp: int


@strawberry.input
class ApplicationInput:
    """What is applied for; the client is who asks."""

    vehicle: VehicleInput
    starts_on: date


@strawberry.type
class Vehicle:
    """The insured vehicle."""

    registration_number: str
    vin: str
    make: str
    model: str
    year: int
    power_hp: int


@strawberry.type
class ClientName:
    """Who applied."""

    id: strawberry.ID
    name: str


@strawberry.type
class Money:
    """``amount``: a decimal number as text, since a float would round it."""

    amount: str
    currency: str


@strawberry.type
class Offer:
    """What an insurer offers."""

    id: strawberry.ID
    insurer: str
    premium: Money
    valid_until: datetime
    received_at: datetime


@strawberry.type
class OfferUpdate:
    """An offer; or, with ``done``, that no more comes."""

    offer: Offer | None
    done: bool
    status: str


@strawberry.type
class Policy:
    """A policy that was issued."""

    id: strawberry.ID
    number: str
    insurer: str
    premium: Money
    starts_on: date
    issued_at: datetime
    application_id: strawberry.ID


@strawberry.type
class Product:
    """What an insurer sells."""

    id: strawberry.ID
    insurer: str
    code: str
    name: str
    kind: str
    base_rate: str
    valid_from: date


@strawberry.type
class Application:
    """An application that was acknowledged."""

    id: strawberry.ID
    status: str
    created_at: datetime
    starts_on: date
    client: ClientName
    vehicle: Vehicle

    @strawberry.field
    async def offers(self, info: Context) -> list[Offer]:
        """Those that came so far."""
        kept = await _loader(info, "offers", offer_store.offers_of).load(UUID(self.id))
        return [offer(one) for one in kept or ()]

    @strawberry.field
    async def policy(self, info: Context) -> Policy | None:
        """What was bought."""
        bought = await _loader(info, "policies", store.policies_by_application).load(UUID(self.id))
        return policy(bought) if bought else None


@strawberry.type(name="Page")
class Page(Generic[Node]):
    """Some of a list; the next ones come with ``after: endCursor``."""

    nodes: list[Node]
    end_cursor: str | None
    has_next_page: bool


@strawberry.type
class Document:
    """A document on the client's card."""

    id: strawberry.ID
    type: str
    number: str
    issue_date: date
    expiry_date: date | None


@strawberry.type
class Relative:
    """A relative on the client's card."""

    id: strawberry.ID
    relation_type: str
    name: str
    age: int


@strawberry.type
class ClientCard:
    """The client's card, as client-info has it."""

    id: strawberry.ID
    name: str
    age: int
    birth_date: date
    documents: list[Document]
    relatives: list[Relative]


def _loader(info: Context, name: str, read: Callable[..., Any]) -> DataLoader[UUID, Any]:
    """One statement for all applications of a request."""
    database = info.context["world"].database

    async def load(ids: list[UUID]) -> Sequence[Any]:
        found = await read(database, ids)
        return [found.get(one) for one in ids]

    loader: DataLoader[UUID, Any] = info.context.setdefault(name, DataLoader(load))
    return loader


def _money(amount: Decimal, currency: str) -> Money:
    return Money(amount=str(amount), currency=currency)


def _id(number: UUID) -> strawberry.ID:
    return strawberry.ID(str(number))


def offer(one: domain.Offer) -> Offer:
    """As the page sees it."""
    return Offer(
        id=_id(one.id),
        insurer=one.insurer,
        premium=_money(one.premium, one.currency),
        valid_until=one.valid_until,
        received_at=one.received_at,
    )


def policy(one: domain.Policy) -> Policy:
    """As the page sees it."""
    return Policy(
        id=_id(one.id),
        number=one.number,
        insurer=one.insurer,
        premium=_money(one.premium, one.currency),
        starts_on=one.starts_on,
        issued_at=one.issued_at,
        application_id=_id(one.application_id),
    )


def product(one: domain.Product) -> Product:
    """As the page sees it."""
    return Product(
        id=_id(one.id),
        insurer=one.insurer,
        code=one.code,
        name=one.name,
        kind=one.kind,
        base_rate=str(one.base_rate),
        valid_from=one.valid_from,
    )


def application(one: domain.Application) -> Application:
    """As the page sees it."""
    vehicle = one.vehicle
    return Application(
        id=_id(one.id),
        status=one.status,
        created_at=one.created_at,
        starts_on=one.starts_on,
        client=ClientName(id=_id(one.client_id), name=one.client_name),
        vehicle=Vehicle(
            registration_number=vehicle["registrationNumber"],
            vin=vehicle["vin"],
            make=vehicle["make"],
            model=vehicle["model"],
            year=vehicle["year"],
            power_hp=vehicle["powerHp"],
        ),
    )


def page(found: domain.Page[Thing], view: Callable[[Thing], Node]) -> Page[Node]:
    """As the page sees it; a cursor is the id of the last."""
    return Page(
        nodes=[view(one) for one in found.nodes],
        end_cursor=None if found.after is None else str(found.after),
        has_next_page=found.after is not None,
    )
