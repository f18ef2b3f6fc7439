"""GraphQL for the web page; every customer sees what is theirs and nothing else."""

import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import date
from typing import Any
from uuid import UUID

import strawberry
from pydantic import ValidationError
from strawberry.types.nodes import SelectedField

from system.core_app import graphql_types as types
from system.core_app import store, use_cases
from system.core_app.domain import (
    INSURER,
    KEY,
    Asked,
    ClientInfoAway,
    KeyReused,
    NotForSale,
    NotThere,
    Owner,
    UnknownClient,
)
from system.core_app.graphql_types import Context
from system.core_app.use_cases import World
from system.shared.access import Person
from system.shared.graphql import Refused

ALIVE_S = 10.0
PAGE = 100
CARD_FIELDS = {
    "documents": "documents { id type number issueDate expiryDate }",
    "relatives": "relatives { id relationType name age }",
}


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field
    async def application(
        self, info: Context, id: strawberry.ID
    ) -> types.Application | None:  # the schema's word
        """One of the customer's applications; null for any other."""
        found = await store.by_id(_world(info).database, _uuid("id", id), _customer(info))
        return types.application(found) if found else None

    @strawberry.field
    async def applications(
        self, info: Context, first: int = 20, after: str | None = None
    ) -> types.Page[types.Application]:
        """The customer's, the newest first."""
        size, cursor = _size(first), _cursor(after)
        client = _customer(info).id
        found = await store.applications_of(_world(info).database, client, size, cursor)
        return types.page(found, types.application)

    @strawberry.field
    async def my_policies(
        self, info: Context, first: int = 20, after: str | None = None
    ) -> types.Page[types.Policy]:
        """The customer's, the newest first."""
        size, cursor = _size(first), _cursor(after)
        client = _customer(info).id
        found = await store.policies_of(_world(info).database, client, size, cursor)
        return types.page(found, types.policy)

    @strawberry.field
    async def my_card(self, info: Context) -> types.ClientCard:
        """The customer's card, through client-info; it is asked for no more than is asked here."""
        try:
            card = await _world(info).clients.client(_customer(info).id, _card_query(info))
        except UnknownClient as error:
            raise Refused("NOT_FOUND", str(error)) from None
        except ClientInfoAway:
            raise Refused("UNAVAILABLE", "the client card can't be had now") from None
        return _card(card)

    @strawberry.field
    async def products(
        self, info: Context, insurer: str | None = None, first: int = 20, after: str | None = None
    ) -> types.Page[types.Product]:
        """What is sold now, of one insurer or of all."""
        _customer(info)
        if insurer is not None and not re.fullmatch(INSURER, insurer):
            raise Refused("INVALID_REQUEST", f"insurer: this does not match {INSURER}")
        size, cursor = _size(first), _cursor(after)
        found = await store.products_of(_world(info).database, insurer, size, cursor)
        return types.page(found, types.product)


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation
    async def create_application(
        self,
        info: Context,
        input: types.ApplicationInput,  # the schema's word
        idempotency_key: str,
    ) -> types.Application:
        """Apply; the same key again gives the same application."""
        owner, key = _customer(info), _key(idempotency_key)
        try:
            application, _ = await use_cases.apply(_world(info), _asked(input, owner), owner, key)
        except UnknownClient as error:
            raise Refused("NOT_FOUND", str(error)) from None
        except KeyReused as error:
            raise Refused("IDEMPOTENCY_CONFLICT", str(error)) from None
        except ClientInfoAway:
            raise Refused("UNAVAILABLE", "client-info does not answer; try again") from None
        return types.application(application)

    @strawberry.mutation
    async def buy_offer(
        self, info: Context, offer_id: strawberry.ID, idempotency_key: str
    ) -> types.Policy:
        """Buy; the same key again gives the same policy."""
        owner, key = _customer(info), _key(idempotency_key)
        try:
            policy, _ = await use_cases.buy(_world(info), _uuid("offerId", offer_id), owner, key)
        except NotThere as error:
            raise Refused("NOT_FOUND", str(error)) from None
        except KeyReused as error:
            raise Refused("IDEMPOTENCY_CONFLICT", str(error)) from None
        except NotForSale as error:
            raise Refused("NOT_FOR_SALE", str(error)) from None
        return types.policy(policy)


@strawberry.type
class Subscription:
    """What comes by itself."""

    @strawberry.subscription
    async def offers(
        self, info: Context, application_id: strawberry.ID
    ) -> AsyncGenerator[types.OfferUpdate, None]:
        """First those that are there, then each as it comes; the last update is ``done``."""
        number, owner = _uuid("applicationId", application_id), _customer(info)
        feed = _world(info).feed
        try:
            async with aclosing(
                feed.watch(number, owner, seen=frozenset(), alive_s=ALIVE_S)
            ) as updates:
                async for one in updates:
                    if one.offer is not None or one.done:
                        offer = types.offer(one.offer) if one.offer else None
                        yield types.OfferUpdate(offer=offer, done=one.done, status=one.status)
        except NotThere as error:
            raise Refused("NOT_FOUND", str(error)) from None


def _world(info: Context) -> World:
    world: World = info.context["world"]
    return world


def _customer(info: Context) -> Owner:
    """Who asks; an operator has nothing here."""
    person: Person = info.context["person"]
    if person.role != "customer":
        raise Refused("FORBIDDEN", "this is for customers")
    return Owner(channel="web", id=UUID(person.subject))


def _uuid(name: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Refused("INVALID_REQUEST", f"{name}: this is no UUID") from None


def _cursor(after: str | None) -> UUID | None:
    return None if after is None else _uuid("after", after)


def _size(first: int) -> int:
    if not 0 <= first <= PAGE:
        raise Refused("LIMIT_EXCEEDED", f"first: from 0 to {PAGE}")
    return first


def _key(text: str) -> str:
    if not re.fullmatch(KEY, text):
        raise Refused("INVALID_REQUEST", f"idempotencyKey: this does not match {KEY}")
    return text


def _asked(asked: types.ApplicationInput, owner: Owner) -> Asked:
    vehicle = asked.vehicle
    try:
        return Asked.model_validate(
            {
                "clientId": owner.id,
                "startsOn": asked.starts_on,
                "vehicle": {
                    "registrationNumber": vehicle.registration_number,
                    "vin": vehicle.vin,
                    "make": vehicle.make,
                    "model": vehicle.model,
                    "year": vehicle.year,
                    "powerHp": vehicle.power_hp,
                },
            }
        )
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise Refused("INVALID_REQUEST", told) from None


def _card_query(info: Context) -> str:
    """The plain fields are one row there; each list is another statement."""
    wanted = _names(info.selected_fields)
    parts = " ".join(text for name, text in CARD_FIELDS.items() if name in wanted)
    return f"query Card($id: UUID!) {{ client(id: $id) {{ id name age birthDate {parts} }} }}"


def _names(fields: Iterable[Any]) -> set[str]:
    """Of what was asked below, fragments put in."""
    found: set[str] = set()
    for one in fields:
        for below in one.selections:
            found |= {below.name} if isinstance(below, SelectedField) else _names([below])
    return found


def _card(card: dict[str, Any]) -> types.ClientCard:
    return types.ClientCard(
        id=card["id"],
        name=card["name"],
        age=card["age"],
        birth_date=date.fromisoformat(card["birthDate"]),
        documents=[
            types.Document(
                id=one["id"],
                type=one["type"],
                number=one["number"],
                issue_date=date.fromisoformat(one["issueDate"]),
                expiry_date=one["expiryDate"] and date.fromisoformat(one["expiryDate"]),
            )
            for one in card.get("documents", ())
        ],
        relatives=[
            types.Relative(
                id=one["id"], relation_type=one["relationType"], name=one["name"], age=one["age"]
            )
            for one in card.get("relatives", ())
        ],
    )
