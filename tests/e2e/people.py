"""People and partners of a deployed system, as its entrances see them."""

import uuid
from pathlib import Path
from typing import Any

import httpx

from insurectl.adapters.load_credentials import LoadCredentials, Minter
from insurectl.records import Deployment
from system.shared.ids import seeded_client

SEED = 7
CLIENT = seeded_client(SEED, 1)
CREATE = """mutation ($key: String!, $input: ApplicationInput!) {
  createApplication(idempotencyKey: $key, input: $input) { id status client { id name } } }"""
VEHICLE = {
    "registrationNumber": "A001AA77",
    "vin": "XTA21099012345678",
    "make": "Lada",
    "model": "Vesta",
    "year": 2021,
    "powerHp": 106,
}


def browser(deployment: Deployment, client: uuid.UUID = CLIENT) -> httpx.Client:
    """Of somebody who has signed in."""
    url, headers = deployment.edge_url, signed_in(deployment, client)
    return httpx.Client(base_url=url, headers=headers, timeout=10, trust_env=False)


def signed_in(deployment: Deployment, client: uuid.UUID = CLIENT) -> dict[str, str]:
    """The header of somebody who has signed in."""
    pem = LoadCredentials.read(Path(deployment.credentials_file)).token_private_pem
    return {"Authorization": f"Bearer {Minter(pem).token(str(client), 'customer')}"}


def ask(http: httpx.Client, query: str, **variables: object) -> dict[str, Any]:
    response = http.post("/graphql", json={"query": query, "variables": variables})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def create(http: httpx.Client, key: str, **changed: object) -> dict[str, Any]:
    asked = {"startsOn": "2030-01-01", "vehicle": VEHICLE, **changed}
    return ask(http, CREATE, key=key, input=asked)


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer["errors"]]


def partner_key(deployment: Deployment, number: int) -> str:
    return LoadCredentials.read(Path(deployment.credentials_file)).partner_keys[number]


def apply_as(http: httpx.Client, api_key: str, key: str) -> httpx.Response:
    body = {"clientId": str(CLIENT), "startsOn": "2030-01-01", "vehicle": VEHICLE}
    headers = {"X-API-Key": api_key, "Idempotency-Key": key}
    return http.post("/partner/v1/applications", json=body, headers=headers)
