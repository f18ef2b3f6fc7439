"""R6: known attacks on a GraphQL server, one by one: each refused, and how long that takes."""

import statistics
import time
from collections.abc import Iterator

import httpx

from tests.bench.card_service import CALLER, CardService, card_service
from tests.bench.figure import Figure
from tests.system.shared.graphql_attacks import ATTACKS

RUNS = 7
HEADERS = {"Content-Type": "application/json", "Authorization": CALLER}
CODES = {"LIMIT_EXCEEDED", "INVALID_REQUEST", "INTROSPECTION_OFF"}


def figures() -> Iterator[Figure]:
    """Each time with a body that was never sent before, so that no memory helps; a GET besides."""
    with card_service() as service:
        took_ms: dict[str, list[float]] = {name: [] for name in ATTACKS}
        refused = dict.fromkeys(ATTACKS, True)
        for run in range(RUNS):
            for name, body in ATTACKS.items():
                answer, ms = _send(service, _fresh(body, run))
                took_ms[name].append(ms)
                refused[name] = refused[name] and _refused(answer)
        got = service.replica.http.get("/graphql?query={__typename}", headers=HEADERS)
    middle = {name: statistics.median(times) for name, times in took_ms.items()}
    worst = max(middle, key=lambda name: middle[name])
    count = sum(refused.values()) + (got.status_code == httpx.codes.METHOD_NOT_ALLOWED)
    yield Figure(
        goal="R6",
        what="known GraphQL attacks refused",
        value=100 * count / (len(ATTACKS) + 1),
        unit="%",
        wanted=100,
        sense="min",
        runs=RUNS,
        note=f"{count} of {len(ATTACKS) + 1}",
    )
    yield Figure(
        goal="R6",
        what="time to refuse the slowest of them (median)",
        value=middle[worst],
        unit="ms",
        wanted=50,
        sense="max",
        runs=RUNS,
        note=f"{worst}; the slowest of all runs {max(map(max, took_ms.values())):.1f} ms",
    )


def _fresh(body: bytes, run: int) -> bytes:
    """Another document that does the same."""
    return body.replace(b'{"query": "', f'{{"query": "#{run}\\n'.encode())


def _send(service: CardService, body: bytes) -> tuple[httpx.Response, float]:
    began_s = time.perf_counter()
    answer = service.replica.http.post("/graphql", content=body, headers=HEADERS)
    return answer, 1000 * (time.perf_counter() - began_s)


def _refused(answer: httpx.Response) -> bool:
    body = answer.json()
    if answer.status_code == httpx.codes.OK:
        errors = body.get("errors") or [{"extensions": {"code": None}}]
        return body["data"] is None and errors[0]["extensions"]["code"] in CODES
    return answer.is_client_error and bool(body["code"])
