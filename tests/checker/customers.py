"""Customers over HTTP: they apply, and buy; a call that gets no answer is repeated with its key."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from system.shared.access import mint
from system.shared.db import Database
from system.shared.ids import seeded_client, uuid7
from tests.checker.journal import Journal, Operation, Outcome, What
from tests.checker.servers import CLIENTS, SEED, unix_s
from tests.system.replicas import VEHICLE

CREATE = """mutation Create($input: ApplicationInput!, $key: String!) {
  createApplication(input: $input, idempotencyKey: $key) { id } }"""
BUY = """mutation Buy($offer: ID!, $key: String!) {
  buyOffer(offerId: $offer, idempotencyKey: $key) { id } }"""
OFFERS = "query Offers($id: ID!) { application(id: $id) { offers { id } } }"
OFFER = (
    "INSERT INTO offers (id, application_id, insurer, product_code, premium, currency,"
    " valid_until, received_at) VALUES (%s, %s, %s, %s, %s, 'RUB', %s, now()) RETURNING id"
)
TRIES, PAUSE_S = 60, 0.5
AGAIN = 0.2  # of the calls that were answered
PLANS = ("osago-base", "osago-plus", "osago-taxi")


@dataclass(frozen=True)
class Customers:
    """Where they go, and where it is noted what they were told. ``offers``: whether insurers are
    really asked; else an offer is put where core-app would have stored it."""

    urls: tuple[str, ...]
    private_pem: bytes
    core: Database
    journal: Journal
    chance: random.Random
    offers: bool
    bought: list[str] = field(default_factory=list)

    async def buy(self) -> None:
        """One customer, from application to policy."""
        client = str(seeded_client(SEED, self.chance.randrange(1, CLIENTS + 1)))
        token = mint(self.private_pem, subject=client, role="customer", now_s=unix_s())
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=self.chance.choice(self.urls), headers=headers, timeout=5, trust_env=False
        ) as http:
            asked = {"vehicle": VEHICLE, "startsOn": "2026-12-01"}
            application = await self._call(http, "application", CREATE, input=asked)
            if application:
                offered = self._came(http, application) if self.offers else self._put(application)
                offer = await offered
                policy = offer and await self._call(http, "policy", BUY, offer=offer)
                if policy:
                    self.bought.append(policy)

    async def _came(self, http: httpx.AsyncClient, application: str) -> str:
        """The first offer; empty when none came in time, which is nobody's fault here."""
        body = {"query": OFFERS, "variables": {"id": application}}
        for _ in range(TRIES):
            try:
                told = (await http.post("/graphql", json=body)).json()
            except (httpx.TransportError, ValueError):
                told = {}
            found = ((told.get("data") or {}).get("application") or {}).get("offers")
            if found:
                return str(found[0]["id"])
            await asyncio.sleep(PAUSE_S)
        return ""

    async def _put(self, application: str) -> str:
        """As osago-aggregator's offers are stored."""
        insurer = self.chance.choice(("alpha", "beta", "gamma"))
        premium = f"{self.chance.randrange(1, 20_000)}.{self.chance.randrange(100):02}"
        until = datetime.now(UTC) + timedelta(days=1)
        plan = self.chance.choice(PLANS)
        rows = await self.core.rows(OFFER, (uuid7(), application, insurer, plan, premium, until))
        return str(rows[0]["id"])

    async def _call(self, http: httpx.AsyncClient, kind: What, query: str, **variables: Any) -> str:
        """The id that was acknowledged; empty when no answer came in all tries. Now and then the
        call is made once more though it was answered: the answer has to be the same."""
        key = str(uuid7())
        body = {"query": query, "variables": {**variables, "key": key}}
        for _ in range(TRIES):
            found = await _answer(http, body)
            outcome: Outcome = "ok" if found else "unknown"
            self.journal.note(Operation(kind=kind, key=key, id=found, outcome=outcome))
            if found and self.chance.random() < AGAIN:
                continue
            if found:
                return found
            await asyncio.sleep(PAUSE_S)
        return ""


async def _answer(http: httpx.AsyncClient, body: dict[str, Any]) -> str:
    """The id; empty where nothing can be known. Raises for a refusal that should not be."""
    try:
        response = await http.post("/graphql", json=body)
    except httpx.TransportError:
        return ""
    if response.status_code == 503:
        return ""
    told = response.json()
    codes = [error.get("extensions", {}).get("code") for error in told.get("errors", [])]
    if codes:
        if set(codes) <= {"UNAVAILABLE"}:
            return ""
        raise AssertionError(f"refused: {told['errors']}")
    [value] = told["data"].values()
    return str(value["id"])
