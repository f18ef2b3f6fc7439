"""GraphQL of the client card: only what is asked for is read."""

from datetime import date
from typing import Any
from uuid import UUID

import strawberry
from strawberry.types import Info

from system.client_info import store
from system.shared.graphql import Refused

Asked = Info[dict[str, Any], None]


@strawberry.type
class Document:
    """A passport, a driving licence."""

    id: strawberry.ID
    type: str
    number: str
    issue_date: date
    expiry_date: date | None


@strawberry.type
class Relative:
    """Somebody of the client's family."""

    id: strawberry.ID
    relation_type: str
    name: str
    age: int


@strawberry.type
class Attribute:
    """One named attribute of the card."""

    group: str
    name: str
    value: str


@strawberry.type
class Client:
    """One client; the lists are read only when they are asked for."""

    id: strawberry.ID
    name: str
    age: int
    birth_date: date

    @strawberry.field
    async def documents(self, info: Asked) -> list[Document]:
        """The newest first."""
        rows = await store.documents(info.context["database"], UUID(self.id))
        return [Document(**{**row, "id": strawberry.ID(str(row["id"]))}) for row in rows]

    @strawberry.field
    async def relatives(self, info: Asked) -> list[Relative]:
        """The client's family."""
        rows = await store.relatives(info.context["database"], UUID(self.id))
        return [Relative(**{**row, "id": strawberry.ID(str(row["id"]))}) for row in rows]

    @strawberry.field
    async def attributes(self, info: Asked, group: str | None = None) -> list[Attribute]:
        """All, or those of one group."""
        rows = await store.attributes(info.context["database"], UUID(self.id), group)
        return [
            Attribute(group=row["group_name"], name=row["name"], value=row["value"]) for row in rows
        ]


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    async def client(self, info: Asked, id: UUID) -> Client:  # the schema's word
        """One client; NOT_FOUND for an unknown id."""
        row = await store.client(info.context["database"], id)
        if row is None:
            raise Refused("NOT_FOUND", f"there is no client {id}")
        return Client(**{**row, "id": strawberry.ID(str(row["id"]))})
