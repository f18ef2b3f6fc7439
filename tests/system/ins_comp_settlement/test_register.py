"""Months, statements and pages, as an operator sees them."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from system.ins_comp_settlement.statement import _cell
from tests.system.ins_comp_settlement.conftest import Settlement, bearer
from tests.system.ins_comp_settlement.events import Event, issued, updated
from tests.system.replicas import until

pytestmark = pytest.mark.system


def sold(insurer: str, month: str, *amounts: str) -> list[Event]:
    """Policies of one month."""
    return [issued(insurer, amount, issuedAt=f"{month}-10T00:00:00Z") for amount in amounts]


def lines(settlement: Settlement, insurer: str, month: str) -> list[dict[str, str]]:
    """The statement as CSV, read back."""
    answer = settlement.get(f"/statements/{insurer}/{month}", format="csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def months(settlement: Settlement) -> dict[str, dict[str, Any]]:
    return {one["month"]: one for one in settlement.get("/months").json()["items"]}


def test_a_late_policy_goes_to_the_next_open_month_and_says_so(settlement: Settlement) -> None:
    settlement.told(*sold("late", "2025-11", "100.00"))
    before = settlement.get("/statements/late/2025-11").json()
    for month in ("2025-11", "2025-12"):
        assert settlement.close(month).status_code == 200
    [entry] = settlement.told(*sold("late", "2025-11", "50.00"))
    assert (entry["month"], entry["lateFor"]) == ("2026-01", "2025-11")
    after = settlement.get("/statements/late/2025-11").json()
    assert (after["entries"], after["totals"]) == (before["entries"], before["totals"])
    [line, _] = lines(settlement, "late", "2026-01")
    assert (line["lateFor"], line["owed"]) == ("2025-11", "45.00")


def test_closing_again_changes_nothing(settlement: Settlement) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = [one.json() for one in pool.map(settlement.close, ["2024-05"] * 8)]
    assert answers == [answers[0]] * 8
    assert answers[0]["closedAt"] == months(settlement)["2024-05"]["closedAt"]


@pytest.mark.parametrize("later", [0, 1], ids=["this month", "one that has not begun"])
def test_a_month_that_is_not_over_can_not_be_closed(settlement: Settlement, later: int) -> None:
    now = datetime.now(UTC)
    month = f"{now.year + later}-{now.month:02}"
    refused = settlement.close(month)
    assert (refused.status_code, refused.json()["code"]) == (409, "MONTH_NOT_OVER")
    assert refused.headers["content-type"] == "application/problem+json"
    assert months(settlement).get(month, {}).get("closedAt") is None


def test_months_may_be_closed_while_policies_are_booked_in_them(settlement: Settlement) -> None:
    """Whatever comes first, each policy has one entry, and a month's totals stay once closed."""
    batches = [sold("busy", "2023-02", *["1.00"] * 25) for _ in range(8)]
    policies = {one["aggregate_id"] for batch in batches for one in batch}
    with ThreadPoolExecutor(1) as pool:
        published = pool.submit(lambda: [settlement.told(*batch) for batch in batches])
        until(lambda: bool(settlement.entries(insurer="busy", limit=200)), "the first are there")
        closed = settlement.close("2023-02").json()["closedAt"]
        at_once = settlement.get("/statements/busy/2023-02").json()
        published.result()
    assert settlement.get("/statements/busy/2023-02").json() == at_once
    assert at_once["closedAt"] == closed
    entries = settlement.entries(insurer="busy")
    assert sorted(one["policyId"] for one in entries) == sorted(policies)
    late = [one for one in entries if one["lateFor"] is not None]
    assert {one["month"] for one in late} <= {"2023-03"}
    assert len(entries) - len(late) == at_once["totals"]["entries"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entries SET owed = 0 WHERE insurer = 'kept'",
        "DELETE FROM entries WHERE insurer = 'kept'",
        "DELETE FROM closed_months WHERE month = '2022-01-01'",
        "INSERT INTO entries (id, policy_id, insurer, month, premium, currency,"
        " commission_percent, owed, issued_at) VALUES (gen_random_uuid(), gen_random_uuid(),"
        " 'kept', '2022-01-01', 1, 'RUB', 0, 1, '2022-01-01')",
    ],
    ids=["another amount", "an entry less", "opened again", "an entry more"],
)
def test_the_database_itself_keeps_what_was_closed(
    settlement: Settlement, register: psycopg.Connection, change: str
) -> None:
    if not settlement.entries(insurer="kept"):
        settlement.told(*sold("kept", "2022-01", "1.00"))
        settlement.close("2022-01")
    with pytest.raises(psycopg.errors.RestrictViolation):
        register.execute(change.encode())


def test_a_statements_totals_are_the_sums_of_its_entries_in_both_forms(
    settlement: Settlement,
) -> None:
    amounts = [f"{n}.{n % 100:02}" for n in range(1, 521)]  # more than one page of them
    settlement.told(updated("sums", 1, "7.77"), *sold("sums", "2026-02", *amounts))
    told = settlement.get("/statements/sums/2026-02").json()
    *rows, total = lines(settlement, "sums", "2026-02")
    assert total["entryId"] == f"total of {told['totals']['entries']}" == "total of 520"
    for name in ("premium", "commission", "owed"):
        of_json = sum(Decimal(entry[name]) for entry in told["entries"])
        of_csv = sum(Decimal(row[name]) for row in rows)
        assert str(of_json) == str(of_csv) == told["totals"][name] == total[name]
    assert told["totals"]["premium"] == str(sum(map(Decimal, amounts)))
    [balance] = [
        one for one in settlement.get("/balances").json()["items"] if one["insurer"] == "sums"
    ]
    of_all = {name: balance[name] for name in ("entries", "premium", "commission", "owed")}
    assert (
        of_all == told["totals"] == {name: months(settlement)["2026-02"][name] for name in of_all}
    )


def test_the_form_of_a_statement_can_be_asked_for_by_header_or_query(
    settlement: Settlement,
) -> None:
    settlement.told(*sold("forms", "2026-02", "1.00"))
    path, http = "/settlement/v1/statements/forms/2026-02", settlement.replica.http

    def kind(accept: str, query: str = "") -> str:
        answer = http.get(f"{path}{query}", headers={**bearer(), "Accept": accept})
        return answer.headers["content-type"].split(";")[0]

    assert kind("text/csv") == kind("application/json", "?format=csv") == "text/csv"
    assert kind("application/json") == kind("text/csv", "?format=json") == "application/json"
    assert kind("*/*") == "application/json"


def test_a_month_without_entries_has_an_empty_statement(settlement: Settlement) -> None:
    settlement.told(*sold("empty", "2026-02", "1.00"))
    told = settlement.get("/statements/empty/2021-01").json()
    assert (told["entries"], told["totals"]["entries"], told["totals"]["owed"]) == ([], 0, "0.00")
    [total] = lines(settlement, "empty", "2021-01")
    assert (total["entryId"], total["owed"]) == ("total of 0", "0.00")


@pytest.mark.parametrize("text", ["=1+1", "+7", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_of_a_statement_is_computed_by_a_spreadsheet(text: str) -> None:
    # no such text gets past the contracts of the events; this stands behind them
    assert _cell(text) == f"'{text}"
    assert _cell("alpha") == "alpha"


def test_pages_hold_every_entry_once(settlement: Settlement) -> None:
    settlement.told(*sold("pages", "2026-02", *["1.00"] * 23))
    for limit in (1, 7, 23, 200):
        found = settlement.entries(insurer="pages", limit=limit)
        assert len({one["id"] for one in found}) == len(found) == 23
    assert [one["month"] for one in settlement.entries(insurer="pages", month="2026-02", limit=20)]
    assert settlement.entries(insurer="pages", month="2026-01") == []
