"""REST for operators: register, balances, statements, months."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, WithJsonSchema

from system.ins_comp_settlement import statement, store, use_cases
from system.ins_comp_settlement.domain import MonthNotOver, month_text, parse_month
from system.shared.access import Person, Tokens, Unauthenticated, refusal
from system.shared.cost import Cost
from system.shared.db import Database
from system.shared.openapi import refusals
from system.shared.service import problem

MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"
INSURER = r"^[a-z][a-z0-9-]{0,39}$"  # as the contract of the events has it
LARGEST_PAGE = 200

Amount = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$"})]
MonthPath = Annotated[str, Path(pattern=MONTH, description="A month in UTC, `YYYY-MM`.")]
InsurerPath = Annotated[str, Path(pattern=INSURER)]
Format = Literal["csv", "json"]


class EntryBody(BaseModel):
    """What is owed for one policy. `lateFor`: the month it was issued in, where that one was
    closed before the policy came."""

    id: UUID
    policyId: UUID
    insurer: str
    month: str
    lateFor: str | None
    issuedAt: datetime
    bookedAt: datetime
    currency: str
    premium: Amount
    commissionPercent: str
    commission: Amount
    owed: Amount


class RegisterBody(BaseModel):
    """A page of the register; `next` goes into `after` for the next one."""

    items: list[EntryBody]
    next: UUID | None


class SumsBody(BaseModel):
    """Sums of entries."""

    entries: int
    premium: Amount
    commission: Amount
    owed: Amount


class BalanceBody(SumsBody):
    """What is owed to one insurer over all months."""

    insurer: str
    currency: str


class BalancesBody(BaseModel):
    """All insurers."""

    items: list[BalanceBody]


class MonthBody(SumsBody):
    """One month of the register."""

    month: str
    closedAt: datetime | None


class MonthsBody(BaseModel):
    """All months that have an entry or are closed, the newest first."""

    items: list[MonthBody]


class ClosedBody(BaseModel):
    """A month that is closed for good."""

    month: str
    closedAt: datetime


class StatementBody(BaseModel):
    """What is owed to an insurer for a month."""

    insurer: str
    month: str
    closedAt: datetime | None
    entries: list[EntryBody]
    totals: SumsBody


class NoOperator(Exception):
    """The caller is known, and is a customer."""


def _documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, as its contract lists them."""
    words = {
        401: "No token, or none that is valid",
        403: "Not an operator's token",
        404: "Unknown",
        409: "Not in this state",
        422: "Wrong input",
    }
    return refusals({status: words[status] for status in statuses})


def operators_only(app: FastAPI, tokens: Tokens) -> Callable[..., Person]:
    """A dependency that lets operators through; what the others are told."""

    @app.exception_handler(Unauthenticated)
    async def nobody(_: Request, error: Unauthenticated) -> Response:
        return refusal(error)

    @app.exception_handler(NoOperator)
    async def customer(_: Request, error: NoOperator) -> Response:
        return problem(403, "FORBIDDEN", str(error))

    # it tells the contract of the scheme; the header is read by Tokens alone
    scheme = Depends(HTTPBearer(auto_error=False, bearerFormat="JWT"))

    def operator(request: Request, _: Annotated[object, scheme]) -> Person:
        person = tokens.person(request.headers.get("Authorization"))
        if person.role != "operator":
            raise NoOperator("this is for operators")
        return person

    return operator


def routes(database: Database, cost: Cost, operator: Callable[..., Person]) -> APIRouter:
    """The operators' calls."""
    Operator = Annotated[Person, Depends(operator)]
    router = APIRouter(
        prefix="/settlement/v1",
        tags=["settlement"],
        dependencies=[Depends(operator)],
        responses=_documented(401, 403, 422),
    )

    @router.get("/register", response_model=RegisterBody)
    async def register(
        insurer: Annotated[str | None, Query(pattern=INSURER)] = None,
        month: Annotated[str | None, Query(pattern=MONTH)] = None,
        policyId: UUID | None = None,  # the API's word
        after: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    ) -> dict[str, Any]:
        """Entries in the order in which they were booked, a page at a time."""
        async with cost.paid():
            found = await store.page(
                database,
                insurer=insurer,
                month=None if month is None else parse_month(month),
                policy_id=policyId,
                after=after,
                limit=limit + 1,
            )
        items = [statement.view(entry) for entry in found[:limit]]
        return {"items": items, "next": items[-1]["id"] if len(found) > limit else None}

    @router.get("/balances", response_model=BalancesBody)
    async def balances() -> dict[str, Any]:
        """What is owed to each insurer."""
        async with cost.paid():
            rows = await store.balances(database)
        return {"items": [{**row, **_sums(row)} for row in rows]}

    @router.get(
        "/statements/{insurer}/{month}",
        response_model=StatementBody,
        responses={
            200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
            **_documented(404),
        },
    )
    async def month_statement(
        insurer: InsurerPath,
        month: MonthPath,
        format: Annotated[Format | None, Query(description="Before `Accept`.")] = None,
        accept: Annotated[str, Header()] = "application/json",
    ) -> Response:
        """A month's statement for an insurer, as CSV or JSON."""
        async with cost.paid():
            if not await store.known(database, insurer):
                return problem(404, "NOT_FOUND", f"there is no insurer {insurer}")
            asked = statement.Asked(
                insurer=insurer,
                month=parse_month(month),
                closed_at=await store.closed_at(database, parse_month(month)),
            )
        return _streamed(database, asked, format or ("csv" if "text/csv" in accept else "json"))

    @router.post("/months/{month}/close", response_model=ClosedBody, responses=_documented(409))
    async def close(month: MonthPath, person: Operator) -> dict[str, Any] | Response:
        """Close a month for good; again changes nothing. 409 while the month is not over."""
        async with cost.paid():
            try:
                at = await use_cases.close(
                    database, parse_month(month), person.subject, datetime.now(UTC)
                )
            except MonthNotOver as error:
                return problem(409, "MONTH_NOT_OVER", str(error))
        return {"month": month, "closedAt": statement.stamp(at)}

    @router.get("/months", response_model=MonthsBody)
    async def months() -> dict[str, Any]:
        """Every month that has an entry or is closed."""
        async with cost.paid():
            rows = await store.months(database)
        return {"items": [_month(row) for row in rows]}

    return router


def _streamed(database: Database, asked: statement.Asked, wanted: Format) -> Response:
    # both parts of the name have passed their patterns, so nothing can break out of the header
    name = f"{asked.insurer}-{month_text(asked.month)}.{wanted}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Vary": "Accept"}
    if wanted == "csv":
        lines = statement.as_csv(database, asked)
        return StreamingResponse(lines, headers=headers, media_type="text/csv")
    lines = statement.as_json(database, asked)
    return StreamingResponse(lines, headers=headers, media_type="application/json")


def _sums(row: dict[str, Any]) -> dict[str, Any]:
    amounts = {name: f"{Decimal(row[name] or 0):.2f}" for name in ("premium", "commission", "owed")}
    return {"entries": row["entries"] or 0, **amounts}


def _month(row: dict[str, Any]) -> dict[str, Any]:
    month: date = row["month"]
    at: datetime | None = row["closed_at"]
    return {"month": month_text(month), "closedAt": at and statement.stamp(at), **_sums(row)}
