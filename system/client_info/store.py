"""The SQL of the client card; each function describes one statement, made for many clients."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

from system.client_info.batches import Read

KEPT = 500  # statements with their filters; as many as are likely to be asked for again
ASKED = "unnest(%(keys)s::uuid[]) WITH ORDINALITY AS asked (client_id, place)"
Build = Callable[..., Any]
Wanted = dict[str, tuple[str, Any]]  # a value's name: the condition, the value


def client(build: Build) -> Read:
    """The client itself: id, name, age in whole years, birth date."""
    columns = "id::text, name, extract(year FROM age(birth_date))::int, birth_date"
    sql = f"SELECT asked.place, {columns} FROM {ASKED} JOIN clients ON id = asked.client_id"
    return Read("clients", sql, build)


@lru_cache(maxsize=KEPT)
def documents(
    build: Build,
    limit: int,
    kind: str | None,
    valid_on: date | None,
    after: tuple[date, UUID] | None = None,
) -> Read:
    """The newest first: id, type, number, issue date, expiry date."""
    wanted: Wanted = {}
    if kind is not None:
        wanted["kind"] = ("type = %(kind)s", kind)
    if valid_on is not None:
        valid = "issue_date <= %(on)s AND (expiry_date IS NULL OR expiry_date >= %(on)s)"
        wanted["on"] = (valid, valid_on)
    if after is not None:
        later = "(issue_date < %(date)s OR (issue_date = %(date)s AND id > %(id)s))"
        wanted["date"], wanted["id"] = (later, after[0]), ("true", after[1])
    columns = "id::text, type, number, issue_date, expiry_date"
    return _lists("documents", columns, ("issue_date DESC", "id"), limit, wanted, build)


@lru_cache(maxsize=KEPT)
def relatives(build: Build, limit: int, kind: str | None, after: tuple[UUID] | None = None) -> Read:
    """Of each: id, relation type, name, age."""
    wanted: Wanted = {}
    if kind is not None:
        wanted["kind"] = ("relation_type = %(kind)s", kind)
    if after is not None:
        wanted["id"] = ("id > %(id)s", after[0])
    return _lists("relatives", "id::text, relation_type, name, age", ("id",), limit, wanted, build)


@lru_cache(maxsize=KEPT)
def attributes(
    build: Build,
    limit: int,
    group: str | None,
    names: tuple[str, ...] | None,
    after: tuple[str, str] | None = None,
) -> Read:
    """Of each: group, name, value."""
    wanted: Wanted = {}
    if group is not None:
        wanted["group"] = ("group_name = %(group)s", group)
    if names is not None:
        wanted["names"] = ("name = ANY(%(names)s)", names)
    if after is not None:
        wanted["name"] = ("(group_name, name) > (%(after)s, %(name)s)", after[1])
        wanted["after"] = ("true", after[0])
    return _lists(
        "attributes", "group_name, name, value", ("group_name", "name"), limit, wanted, build
    )


@lru_cache(maxsize=KEPT)
def attribute_groups(build: Build) -> Read:
    """Of each: the group, how many attributes it has."""
    sql = (
        f"SELECT asked.place, found.* FROM {ASKED} CROSS JOIN LATERAL (SELECT group_name,"
        " count(*)::int FROM attributes WHERE client_id = asked.client_id GROUP BY group_name)"
        " AS found ORDER BY asked.place, found.group_name"
    )
    return Read("attributes", sql, build)


def _lists(
    table: str, columns: str, order: Sequence[str], limit: int, wanted: Wanted, build: Build
) -> Read:
    """The first so many of each client: a look into the index a client, whatever else it has."""
    conditions = "".join(f" AND {condition}" for condition, _ in wanted.values())
    outside = ", ".join(f"found.{one}" for one in order)
    sql = (
        f"SELECT asked.place, {columns} FROM {ASKED} CROSS JOIN LATERAL (SELECT *"
        f" FROM {table} WHERE client_id = asked.client_id{conditions}"
        f" ORDER BY {', '.join(order)} LIMIT %(limit)s) AS found ORDER BY asked.place, {outside}"
    )
    values = {name: value for name, (_, value) in wanted.items()}
    return Read(table, sql, build, (("limit", limit), *values.items()))
