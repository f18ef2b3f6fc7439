"""A replica of the service that reads from a real broker, and operators' tokens."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from system.shared.access import mint
from tests.system.brokers import RabbitMq
from tests.system.conftest import Prepared, Start
from tests.system.ins_comp_settlement.events import Event, publish
from tests.system.replicas import Place, Replica, until

KEY = Ed25519PrivateKey.generate()
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
CUSTOMER = "0192f0c1-2345-7abc-8def-0123456789ab"


def bearer(role: str = "operator", private: bytes = PRIVATE, **more: Any) -> dict[str, str]:
    """The header of an operator, or of somebody else."""
    subject = "anna" if role == "operator" else CUSTOMER
    given = {"subject": subject, "role": role, "now_s": time.time(), **more}
    return {"Authorization": f"Bearer {mint(private, **given)}"}


class Settlement:
    """The service as an operator and a producer see it."""

    def __init__(self, replica: Replica, broker: RabbitMq) -> None:
        self.replica, self.broker = replica, broker

    def get(self, path: str, **query: Any) -> httpx.Response:
        """As an operator."""
        given = {name: value for name, value in query.items() if value is not None}
        # httpx drops the query of the address when it is given an empty one beside it
        return self.replica.http.get(
            f"/settlement/v1{path}", params=given or None, headers=bearer()
        )

    def close(self, month: str) -> httpx.Response:
        """Close a month, as an operator."""
        return self.replica.http.post(f"/settlement/v1/months/{month}/close", headers=bearer())

    def entries(self, **query: Any) -> list[dict[str, Any]]:
        """All pages of the register."""
        found: list[dict[str, Any]] = []
        after = None
        while True:
            page = self.get("/register", after=after, **query).json()
            found += page["items"]
            after = page["next"]
            if after is None:
                return found

    def told(self, *events: Event) -> list[dict[str, Any]]:
        """Publish events; the entries of their policies, once they are there."""
        publish(self.broker, *events)
        wanted = sorted({one["aggregate_id"] for one in events if one["event_type"] != UPDATED})
        found: dict[str, dict[str, Any]] = {}

        def booked() -> bool:
            for policy_id in wanted:
                if policy_id in found:
                    continue
                entry = self.entry(policy_id)
                if not entry:
                    return False
                found[policy_id] = entry
            return True

        until(booked, "the policies are booked")
        return [found[policy_id] for policy_id in wanted]

    def entry(self, policy_id: str) -> dict[str, Any]:
        """The policy's entry; empty while there is none, and an error if there were two."""
        found = self.entries(policyId=policy_id)
        assert len(found) <= 1
        return found[0] if found else {}


UPDATED = "products.updated"


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the public key of the tokens stands."""
    path = tmp_path_factory.mktemp("keys") / "token-public.pem"
    path.write_bytes(PUBLIC)
    return path


@pytest.fixture(scope="module")
def settlement(start: Start, broker: RabbitMq, key_file: Path) -> Settlement:
    """One replica; its queues are empty at first."""
    broker.empty()
    return Settlement(start("ins_comp_settlement", TOKEN_PUBLIC_KEY_FILE=key_file), broker)


@pytest.fixture(scope="module")
def register(
    settlement: Settlement, prepared: Prepared, server: Place
) -> Iterator[psycopg.Connection]:
    """A connection to its database, as its superuser."""
    with server.connect(prepared["ins_comp_settlement"]["DATABASE_NAME"]) as connection:
        yield connection
