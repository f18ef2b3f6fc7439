"""Every entrance over which something of a client can be read, and everybody who may try."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from insurectl.adapters.load_credentials import LoadCredentials, Minter
from insurectl.adapters.local import LocalTarget
from insurectl.records import Deployment
from system.shared.ids import seeded_client
from tests.e2e.people import CLIENT, SEED

CARD = "{ myCard { id name documents { number } } }"
READ = "query ($id: ID!) { application(id: $id) { id client { name } } }"
ANY_CLIENT = "query ($id: UUID!) { client(id: $id) { name documents { number } } }"
LONG_AGO_S = 1_000_000_000.0


@dataclass(frozen=True)
class Entrance:
    """``ask`` sends these headers, and gives the answer, of a stream its beginning."""

    name: str
    ask: Callable[[dict[str, str]], httpx.Response]


def entrances(target: LocalTarget, deployment: Deployment, application: str) -> Iterator[Entrance]:
    """To the card of CLIENT and to an application of that client."""
    edge = deployment.edge_url
    yield Entrance("card", partial(graphql, edge, query=CARD))
    yield Entrance("application", partial(graphql, edge, query=READ, id=application))
    for name, path in {
        "offers": f"/web/v1/applications/{application}/offers",
        "partner's application": f"/partner/v1/applications/{application}",
        "partner's offers": f"/partner/v1/applications/{application}/offers",
        "register": "/settlement/v1/register",
        "insurers": "/insurers/admin",
    }.items():
        yield Entrance(name, partial(get, edge, path=path))
    stored = f"/v1/applications/{application}"
    for one in target.status().processes:
        url = f"http://{one.address}"
        if one.name == "client-info-0":
            yield Entrance("client-info", partial(graphql, url, query=ANY_CLIENT, id=str(CLIENT)))
            yield Entrance("a card of client-info", partial(graphql, url, query=CARD))
        if one.name == "osago-aggregator-0":  # in one zone is the application
            yield Entrance("osago-aggregator", partial(get, url, path=stored))
            yield Entrance("its stream", partial(get, url, path=f"{stored}/offers/stream"))


def roles(target: LocalTarget, deployment: Deployment) -> dict[str, dict[str, str]]:
    """Headers of each; a name that is told twice is one person in two guises."""
    known = LoadCredentials.read(Path(deployment.credentials_file))
    real = Minter(known.token_private_pem)
    forged = Minter(
        Ed25519PrivateKey.generate()
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode()
    )
    expired = Minter(known.token_private_pem, now=lambda: LONG_AGO_S)
    me, other = str(CLIENT), str(seeded_client(SEED, 2))
    secret = (target.state.secrets / "call-core-app").read_text().strip()
    return {
        "nobody": {},
        "the client": bearer(real.token(me, "customer")),
        "another client": bearer(real.token(other, "customer")),
        "nobody's client": bearer(real.token(str(uuid.uuid4()), "customer")),
        "an operator": bearer(real.token("auditor", "operator")),
        "a forger": bearer(forged.token(me, "customer")),
        "somebody of long ago": bearer(expired.token(me, "customer")),
        "a partner": {"X-API-Key": known.partner_keys[4]},
        "core-app itself": {"Authorization": f"Service core-app:{secret}"},
        "another service": {"Authorization": f"Service web:{secret}"},
        "a service without a secret": {"Authorization": "Service core-app:"},
    }


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def graphql(url: str, who: dict[str, str], query: str, **variables: str) -> httpx.Response:
    body = {"query": query, "variables": variables}
    return httpx.post(f"{url}/graphql", json=body, headers=who, timeout=10, trust_env=False)


def get(url: str, who: dict[str, str], path: str) -> httpx.Response:
    """Of a stream what comes first."""
    with httpx.stream("GET", f"{url}{path}", headers=who, timeout=10, trust_env=False) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            first = next(answer.iter_bytes(), b"")
            return httpx.Response(answer.status_code, content=first)
        answer.read()
        return answer
