"""GraphQL for the web page."""

import re
from datetime import date, datetime
from typing import Any
from uuid import UUID

import strawberry
from pydantic import ValidationError
from strawberry.types import Info

from system.core_app import store, use_cases
from system.core_app.clients import CARD
from system.core_app.domain import (
    KEY,
    Application,
    Asked,
    ClientInfoAway,
    KeyReused,
    UnknownClient,
)
from system.shared.graphql import Refused

WEB = "web"
Context = Info[dict[str, Any], None]


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
    """What is applied for."""

    client_id: UUID
    vehicle: VehicleInput
    starts_on: date


@strawberry.type
class ClientName:
    """Who applied."""

    id: strawberry.ID
    name: str


@strawberry.type(name="Application")
class ApplicationView:
    """An application that was acknowledged."""

    id: strawberry.ID
    status: str
    created_at: datetime
    client: ClientName


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


def _view(application: Application) -> ApplicationView:
    return ApplicationView(
        id=strawberry.ID(str(application.id)),
        status=application.status,
        created_at=application.created_at,
        client=ClientName(
            id=strawberry.ID(str(application.client_id)), name=application.client_name
        ),
    )


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field
    async def application(
        self, info: Context, id: strawberry.ID
    ) -> ApplicationView | None:  # the schema's word
        """One application of the web; null for an unknown id."""
        try:
            number = UUID(id)
        except ValueError:
            raise Refused("INVALID_REQUEST", "id: this is no UUID") from None
        found = await store.by_id(info.context["world"].database, number, WEB)
        return _view(found) if found else None

    @strawberry.field
    async def client_card(self, info: Context, id: UUID) -> ClientCard:  # the schema's word
        """The client's card, through client-info."""
        try:
            card = await info.context["world"].clients.client(id, CARD)
        except UnknownClient as error:
            raise Refused("NOT_FOUND", str(error)) from None
        except ClientInfoAway:
            raise Refused("UNAVAILABLE", "the client card can't be had now") from None
        return ClientCard(
            id=card["id"],
            name=card["name"],
            age=card["age"],
            birth_date=date.fromisoformat(card["birthDate"]),
            documents=[
                Document(
                    id=one["id"],
                    type=one["type"],
                    number=one["number"],
                    issue_date=date.fromisoformat(one["issueDate"]),
                    expiry_date=one["expiryDate"] and date.fromisoformat(one["expiryDate"]),
                )
                for one in card["documents"]
            ],
            relatives=[
                Relative(
                    id=one["id"],
                    relation_type=one["relationType"],
                    name=one["name"],
                    age=one["age"],
                )
                for one in card["relatives"]
            ],
        )


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation
    async def create_application(
        self,
        info: Context,
        input: ApplicationInput,  # the schema's word
        idempotency_key: str,
    ) -> ApplicationView:
        """Apply; the same key again gives the same application."""
        if not re.fullmatch(KEY, idempotency_key):
            raise Refused("INVALID_REQUEST", f"idempotencyKey: this does not match {KEY}")
        try:
            application, _ = await use_cases.apply(
                info.context["world"], _asked(input), channel="web", owner=WEB, key=idempotency_key
            )
        except UnknownClient as error:
            raise Refused("NOT_FOUND", str(error)) from None
        except KeyReused as error:
            raise Refused("IDEMPOTENCY_CONFLICT", str(error)) from None
        except ClientInfoAway:
            raise Refused("UNAVAILABLE", "client-info does not answer; try again") from None
        return _view(application)


def _asked(asked: ApplicationInput) -> Asked:
    vehicle = asked.vehicle
    try:
        return Asked.model_validate(
            {
                "clientId": asked.client_id,
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
