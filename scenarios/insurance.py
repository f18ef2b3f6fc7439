"""What the journeys share: the calls of the bundled insurance system."""

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from insurectl.scenario import Answer, Journey, Streamed

MAKES = (("Lada", "Vesta", 106), ("Kia", "Rio", 100), ("Haval", "Jolion", 143))
LETTERS = "ABCEHKMOPTXY"  # those that stand on Russian plates
CREATE = """mutation Create($input: ApplicationInput!, $key: String!) {
  createApplication(input: $input, idempotencyKey: $key) { id status createdAt client { id name } }
}"""
BUY = """mutation Buy($offer: ID!, $key: String!) {
  buyOffer(offerId: $offer, idempotencyKey: $key) {
    id number insurer premium { amount currency } applicationId
  }
}"""
APPLICATIONS = """query Applications { applications(first: 5) {
  nodes { id status createdAt vehicle { make model registrationNumber } }
} }"""
POLICIES = """query Policies { myPolicies(first: 20) {
  nodes { id number insurer premium { amount currency } startsOn } hasNextPage
} }"""
PRODUCTS = "query Products { products(first: 20) { nodes { id insurer code name baseRate } } }"
CARD = """query Card { myCard {
  id name age birthDate
  documents { id type number issueDate expiryDate }
  relatives { id relationType name age }
} }"""


def client_id(seed: int, number: int) -> str:
    """Id of the seeded client ``number`` (from 1): known without asking the system."""
    space = uuid5(NAMESPACE_URL, f"insure-system/{seed}")
    return str(uuid5(space, f"client-{number}"))


def some_client(journey: Journey) -> str:
    """A client, each equally likely. Data: how many there are, and from which seed."""
    number = journey.rng.randint(1, int(journey.data["clients"]))
    return client_id(int(journey.data["seed"]), number)


def application(journey: Journey) -> dict[str, Any]:
    """What is applied for."""
    rng = journey.rng
    make, model, power = rng.choice(MAKES)
    plate = f"{rng.choice(LETTERS)}{rng.randrange(1000):03}"
    plate += "".join(rng.choices(LETTERS, k=2)) + "77"
    return {
        "vehicle": {
            "registrationNumber": plate,
            "vin": f"XTA{rng.randrange(10**14):014}",
            "make": make,
            "model": model,
            "year": rng.randint(2005, 2025),
            "powerHp": power,
        },
        "startsOn": "2030-01-01",
    }


def key(journey: Journey) -> str:
    """An idempotency key of this arrival; another in another run, else nothing would be new."""
    return f"{journey.run_id}-{journey.number}"


def read(journey: Journey, client: str, query: str, name: str) -> Any:
    """What that client sees on the web page; None when it failed."""
    return journey.http.graphql(query, name=name, headers=journey.headers(client))


def create_application(
    journey: Journey, client: str, name: str = "create_application"
) -> str | None:
    """Apply on the web page; the application's id, None when it failed."""
    data = journey.http.graphql(
        CREATE,
        name=name,
        variables={"input": application(journey), "key": key(journey)},
        headers=journey.headers(client),
    )
    return data["createApplication"]["id"] if data else None


def follow_offers(journey: Journey, client: str, made: str, until: str = "done") -> Streamed:
    """Read an application's offers as they come; the first is counted as ``first_offer``."""
    return journey.http.stream(
        f"/web/v1/applications/{made}/offers",
        name="offers",
        first_name="first_offer",
        until=until,
        headers=journey.headers(client),
    )


def partner_application(
    journey: Journey, api_key: str, name: str, accept: Sequence[int] = ()
) -> Answer:
    """Apply as a partner, for some client."""
    return journey.http.post(
        "/partner/v1/applications",
        name=name,
        json={"clientId": some_client(journey), **application(journey)},
        headers={"X-API-Key": api_key, "Idempotency-Key": key(journey)},
        accept=accept,
    )
