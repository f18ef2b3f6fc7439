"""The keys and credentials of the tests, and people who have a token."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from system.shared.access import mint
from tests.system.replicas import CREATE, VEHICLE, Replica

SECRET = "only-for-tests"
KEY = Ed25519PrivateKey.generate()
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True)
class Secrets:
    """Files of this folder, as a deploy would make them. ``others``: more secrets of core-app."""

    folder: Path
    others: tuple[str, ...] = ()

    def write(self) -> None:
        """Public key, core-app's own secret, and who may call the services behind it."""
        known = [hashlib.sha256(one.encode()).hexdigest() for one in (SECRET, *self.others)]
        files = {
            "token-public.pem": PUBLIC,
            "call-core-app": SECRET.encode(),
            "callers": "".join(f"core-app {one}\n" for one in known).encode(),
        }
        for name, content in files.items():
            path = self.folder / name
            path.touch(mode=0o600)
            path.write_bytes(content)

    @property
    def of_core_app(self) -> dict[str, str]:
        """Variables."""
        return {
            "TOKEN_PUBLIC_KEY_FILE": str(self.folder / "token-public.pem"),
            "CALL_SECRET_FILE": str(self.folder / "call-core-app"),
        }

    @property
    def of_called(self) -> dict[str, str]:
        """Variables of what core-app calls."""
        return {"CALLERS_FILE": str(self.folder / "callers")}


def token(subject: str, role: str = "customer", lifetime_s: float = 900) -> str:
    """A token for somebody; already over with a negative lifetime."""
    return mint(PRIVATE, subject=subject, role=role, now_s=time.time(), lifetime_s=lifetime_s)


def bearer(subject: str, role: str = "customer") -> str:
    """What stands in the header."""
    return f"Bearer {token(subject, role)}"


@dataclass(frozen=True)
class Customer:
    """A client at the web page, at one replica."""

    replica: Replica
    client_id: str

    @property
    def headers(self) -> dict[str, str]:
        """Who asks."""
        return {"Authorization": bearer(self.client_id)}

    def at(self, replica: Replica) -> "Customer":
        """The same client at another replica."""
        return Customer(replica, self.client_id)

    def post(self, body: Any, **headers: str) -> httpx.Response:
        """To GraphQL."""
        return self.replica.http.post("/graphql", json=body, headers={**self.headers, **headers})

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer's body."""
        answer: dict[str, Any] = self.post({"query": query, "variables": variables}).json()
        return answer

    def create(self, key: str, **vehicle: Any) -> dict[str, Any]:
        """Apply."""
        return self.graphql(CREATE, input=asked(**vehicle), key=key)

    def apply(self, key: str) -> str:
        """Apply; the application's id."""
        made: str = self.create(key)["data"]["createApplication"]["id"]
        return made


def asked(**vehicle: Any) -> dict[str, Any]:
    """What a customer applies for."""
    return {"vehicle": {**VEHICLE, **vehicle}, "startsOn": "2030-01-01"}
