"""GraphQL of the client card: only what is asked for is read."""

from collections.abc import Awaitable
from datetime import date
from typing import Any, Generic, TypeVar
from uuid import UUID

import strawberry
from strawberry.types import Info

from system.client_info import store
from system.client_info.batches import Batches, Read
from system.client_info.pages import LONGEST, cursor, page_size, read_cursor, text
from system.shared.graphql import Refused

Asked = Info[dict[str, Any], None]
Item = TypeVar("Item")


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
class AttributeGroup:
    """A group of attributes, and how many it has."""

    name: str
    count: int


@strawberry.type
class Page(Generic[Item]):
    """Some items; ``end_cursor`` is where the next page goes on."""

    nodes: list[Item]
    end_cursor: str | None
    has_next_page: bool


@strawberry.type
class DocumentPage(Page[Document]):
    """Some documents, the newest first."""


@strawberry.type
class RelativePage(Page[Relative]):
    """Some relatives."""


@strawberry.type
class AttributePage(Page[Attribute]):
    """Some attributes, by group and name."""


@strawberry.type
class Client:
    """One client; the lists are read only when they are asked for."""

    id: strawberry.ID
    name: str
    age: int
    birth_date: date
    key: strawberry.Private[UUID]

    @strawberry.field
    async def documents(
        self, info: Asked, type: str | None = None, valid_on: date | None = None
    ) -> list[Document]:
        """The newest first, a hundred of them at most."""
        read = store.documents(_document, LONGEST, text("type", type), valid_on)
        return await _rows(info, read, self.key)

    @strawberry.field
    async def document_page(
        self,
        info: Asked,
        type: str | None = None,
        valid_on: date | None = None,
        first: int | None = 20,
        after: str | None = None,
    ) -> DocumentPage:
        """The newest first."""
        size = page_size(first)
        start = read_cursor(after, (date.fromisoformat, UUID)) if after else None
        read = store.documents(_document, size + 1, text("type", type), valid_on, start)
        rows = await _rows(info, read, self.key)
        return DocumentPage(**_page(rows, size, lambda row: (row.issue_date, row.id)))

    @strawberry.field
    async def relatives(self, info: Asked, relation_type: str | None = None) -> list[Relative]:
        """The client's family, a hundred of them at most."""
        read = store.relatives(_relative, LONGEST, text("relationType", relation_type))
        return await _rows(info, read, self.key)

    @strawberry.field
    async def relative_page(
        self,
        info: Asked,
        relation_type: str | None = None,
        first: int | None = 20,
        after: str | None = None,
    ) -> RelativePage:
        """The client's family."""
        size = page_size(first)
        start = read_cursor(after, (UUID,)) if after else None
        kind = text("relationType", relation_type)
        rows = await _rows(info, store.relatives(_relative, size + 1, kind, start), self.key)
        return RelativePage(**_page(rows, size, lambda row: (row.id,)))

    @strawberry.field
    async def attributes(
        self,
        info: Asked,
        group: str | None = None,
        names: list[str] | None = None,
        first: int | None = LONGEST,
        after: str | None = None,
    ) -> AttributePage:
        """By group and name: all, those of one group, those of some names."""
        size = page_size(first)
        start = read_cursor(after, (_plain, _plain)) if after else None
        for name in names or ():
            text("names", name)
        chosen = None if names is None else tuple(names)
        read = store.attributes(_attribute, size + 1, text("group", group), chosen, start)
        rows = await _rows(info, read, self.key)
        return AttributePage(**_page(rows, size, lambda row: (row.group, row.name)))

    @strawberry.field
    async def attribute_groups(self, info: Asked) -> list[AttributeGroup]:
        """The groups that have attributes, by name."""
        return await _rows(info, store.attribute_groups(_group), self.key)


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    async def client(self, info: Asked, id: UUID) -> Client:  # the schema's word
        """One client; NOT_FOUND for an unknown id."""
        rows: list[Client] = await _rows(info, CLIENT, id)
        if not rows:
            raise Refused("NOT_FOUND", f"there is no client {id}")
        return rows[0]

    @strawberry.field
    async def clients(self, info: Asked, ids: list[UUID]) -> list[Client | None]:
        """A hundred at most, in the order of the ids; null for an unknown one."""
        if len(ids) > LONGEST:
            raise Refused("LIMIT_EXCEEDED", f"ids: at most {LONGEST}")
        batches: Batches = info.context["batches"]
        asked = [batches.rows(CLIENT, id) for id in ids]
        found = [await one for one in asked]
        return [rows[0] if rows else None for rows in found]


def _rows(info: Asked, read: Read, client: UUID) -> Awaitable[list[Any]]:
    batches: Batches = info.context["batches"]
    return batches.rows(read, client)


def _page(rows: list[Any], size: int, place: Any) -> dict[str, Any]:
    """``rows`` has one more than the page, where there is more."""
    nodes = rows[:size]
    end = cursor(*place(nodes[-1])) if nodes else None
    return {"nodes": nodes, "end_cursor": end, "has_next_page": len(rows) > size}


def _plain(value: str) -> str:
    found = text("after", value)
    if found is None:
        raise ValueError("null")
    return found


def _client(key: UUID, own: str, name: str, age: int, birth_date: date) -> Client:
    return Client(id=strawberry.ID(own), name=name, age=age, birth_date=birth_date, key=key)


def _document(_: UUID, own: str, kind: str, number: str, issued: date, until: date) -> Document:
    return Document(
        id=strawberry.ID(own), type=kind, number=number, issue_date=issued, expiry_date=until
    )


def _relative(_: UUID, own: str, kind: str, name: str, age: int) -> Relative:
    return Relative(id=strawberry.ID(own), relation_type=kind, name=name, age=age)


def _attribute(_: UUID, group: str, name: str, value: str) -> Attribute:
    return Attribute(group=group, name=name, value=value)


def _group(_: UUID, name: str, count: int) -> AttributeGroup:
    return AttributeGroup(name=name, count=count)


CLIENT = store.client(_client)
