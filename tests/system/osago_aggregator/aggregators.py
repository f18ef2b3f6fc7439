"""Insurers, Redis and replicas of osago-aggregator, for the tests of these services."""

import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from system.shared.access import mint
from tests.system.redis_servers import RedisServers
from tests.system.replicas import VEHICLE, Replica, until

CORE_SECRET, OWN_SECRET = "core-only-for-tests", "aggregator-only-for-tests"
CORE = {"Authorization": f"Service core-app:{CORE_SECRET}"}
OWN = {"Authorization": f"Service osago-aggregator:{OWN_SECRET}"}
CODES = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
QUICK = {"create_ms": 5, "offer_ms": 50, "cv": 0, "refuse_ratio": 0}


@dataclass(frozen=True)
class Keys:
    """Files with the secrets of these services."""

    folder: Path
    private_pem: bytes

    def stub(self) -> dict[str, str]:
        """The variables of insurer-stub."""
        return {
            "CALLERS_FILE": str(self.folder / "callers-insurer-stub"),
            "TOKEN_PUBLIC_KEY_FILE": str(self.folder / "token-public.pem"),
        }

    def aggregator(self) -> dict[str, str]:
        """The variables of osago-aggregator."""
        return {
            "CALLERS_FILE": str(self.folder / "callers-osago-aggregator"),
            "CALL_SECRET_FILE": str(self.folder / "call-osago-aggregator"),
        }

    def bearer(self, role: str = "operator", subject: str = "tester") -> dict[str, str]:
        """The header of a person."""
        token = mint(self.private_pem, subject=subject, role=role, now_s=time.time())
        return {"Authorization": f"Bearer {token}"}


def make_keys(folder: Path) -> Keys:
    """New ones."""
    private = Ed25519PrivateKey.generate()
    public_pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private_pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "token-public.pem").write_bytes(public_pem)
    (folder / "call-osago-aggregator").write_text(OWN_SECRET)
    for callee, caller, secret in [
        ("osago-aggregator", "core-app", CORE_SECRET),
        ("insurer-stub", "osago-aggregator", OWN_SECRET),
    ]:
        digest = hashlib.sha256(secret.encode()).hexdigest()
        (folder / f"callers-{callee}").write_text(f"{caller} {digest}\n")
    return Keys(folder, private_pem)


class World:
    """What a test plays with: insurers, Redis, replicas."""

    def __init__(self, folder: Path) -> None:
        self.keys = make_keys(folder)
        self._logs = folder
        self.replicas: list[Replica] = []
        self.redis = RedisServers(folder, "osago-aggregator")
        self.redis.start()
        self.stub = self.begin("insurer_stub", self.keys.stub())
        self.stub.http.headers.update(self.keys.bearer())

    def begin(self, service: str, environment: dict[str, str]) -> Replica:
        """A replica; waits until it is ready."""
        number = len(self.replicas)
        replica = Replica(service, number, environment, self._logs)
        self.replicas.append(replica)
        until(replica.ready, f"{service} is ready")
        return replica

    def aggregator(self, **more: object) -> Replica:
        """A replica of osago-aggregator, called as core-app does."""
        told = {name: str(value) for name, value in more.items()}
        replica = self.begin(
            "osago_aggregator",
            {
                **self.keys.aggregator(),
                **self.redis.environment(),
                "INSURER_STUB_URL": self.stub.url,
                **told,
            },
        )
        replica.http.headers.update(CORE)
        return replica

    def behave(self, **per_insurer: dict[str, Any]) -> None:
        """All insurers are quick, but for what is said of some."""
        for code in CODES:
            told = {**QUICK, **per_insurer.get(code, {})}
            self.stub.http.put(f"/insurers/admin/{code}", json=told).raise_for_status()

    def created(self, code: str) -> float:
        """How many applications an insurer took."""
        return self.stub.metric(f'insurer_stub_created_total{{insurer="{code}"}}')

    def end(self) -> None:
        """All of it."""
        for replica in self.replicas:
            replica.end()
        self.redis.end()


def application(number: str | None = None) -> dict[str, Any]:
    """What core-app submits."""
    return {"id": number or str(uuid.uuid4()), "vehicle": VEHICLE, "startsOn": "2026-12-01"}


def submit(replica: Replica, *, deadline_ms: int | None = None) -> str:
    """A new application; its id."""
    body = application()
    headers = {} if deadline_ms is None else {"X-Deadline-Ms": str(deadline_ms)}
    answer = replica.http.post("/v1/applications", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(body["id"])


def status(replica: Replica, application_id: str) -> dict[str, Any]:
    """All that came so far."""
    answer = replica.http.get(f"/v1/applications/{application_id}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def done(replica: Replica, application_id: str) -> dict[str, Any]:
    """The status once it is over."""
    until(lambda: status(replica, application_id)["status"] == "done", "the application is over")
    return status(replica, application_id)


def states(told: dict[str, Any]) -> dict[str, str]:
    """Each insurer's."""
    return {one["insurer"]: one["state"] for one in told["insurers"]}


@dataclass(frozen=True)
class Event:
    """One of a stream; ``at_s`` on the monotonic clock."""

    number: int
    kind: str
    data: dict[str, Any]
    at_s: float


def events(replica: Replica, application_id: str, after: int | None = None) -> Iterator[Event]:
    """As they come, until the stream ends or is closed."""
    headers = {**CORE, **({} if after is None else {"Last-Event-ID": str(after)})}
    path = f"{replica.url}/v1/applications/{application_id}/offers/stream"
    with (
        httpx.Client(trust_env=False, timeout=40) as client,
        client.stream("GET", path, headers=headers) as stream,
    ):
        assert stream.status_code == 200
        fields: dict[str, str] = {}
        for line in stream.iter_lines():
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                data = json.loads(fields["data"])
                yield Event(int(fields["id"]), fields["event"], data, time.monotonic())
                fields = {}
