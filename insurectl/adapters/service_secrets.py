"""The secrets by which the services know each other, their servers and people: which files there
are, and what stands in them. The same on every target; who may read which is for the target."""

import hashlib
import secrets
from collections.abc import Mapping

from insurectl.adapters.topology import Service, Topology
from insurectl.errors import BadInput

TOKEN_PRIVATE, TOKEN_PUBLIC, LOGIN = "token-private.pem", "token-public.pem", "login-key"
RABBITMQ, REDIS = "rabbitmq", "redis"
REDIS_REPLICATION = "redis-replication"  # of a replica at its primary
REDIS_SENTINEL = "redis-sentinel"  # of the Sentinels at the servers that they watch
SECRET_BYTES = 24


def needed(known: Topology) -> tuple[str, ...]:
    """Names of all files."""
    services = known.services.values()
    found = [TOKEN_PRIVATE, TOKEN_PUBLIC, LOGIN]
    if any(REDIS in one.needs for one in services):
        found += [REDIS_REPLICATION, REDIS_SENTINEL]
    for one in services:
        found += [name for name in files(known, one).values() if name not in found]
    return tuple(found)


def files(known: Topology, service: Service) -> dict[str, str]:
    """Variable of the service's environment -> the file that it names, of those that it may read
    (its database's password aside)."""
    found: dict[str, str] = {}
    if RABBITMQ in service.needs:
        found["BROKER_PASSWORD_FILE"] = f"broker-{service.name}"
    if REDIS in service.needs:
        found["REDIS_PASSWORD_FILE"] = f"redis-{service.name}"
    if known.calls(service.name):
        found["CALL_SECRET_FILE"] = f"call-{service.name}"
    if service.callers:
        found["CALLERS_FILE"] = f"callers-{service.name}"
    if service.tokens == "verify":
        found["TOKEN_PUBLIC_KEY_FILE"] = TOKEN_PUBLIC
    if service.tokens == "issue":
        found |= {"TOKEN_PRIVATE_KEY_FILE": TOKEN_PRIVATE, "LOGIN_KEY_FILE": LOGIN}
    return found


def make(known: Topology, before: Mapping[str, bytes]) -> dict[str, bytes]:
    """File -> content: what there was is kept, what is missing made, what follows from another
    file computed again. BadInput for a private key that is none."""
    made = {name: before.get(name) or _fresh(name) for name in needed(known)}
    made[TOKEN_PUBLIC] = _public(made[TOKEN_PRIVATE])
    for service in known.services.values():
        if service.callers:
            lines = [_caller(name, made[f"call-{name}"]) for name in service.callers]
            made[f"callers-{service.name}"] = "".join(lines).encode()
    return made


def _fresh(name: str) -> bytes:
    if name == TOKEN_PRIVATE:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        return Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    return secrets.token_urlsafe(SECRET_BYTES).encode()


def _public(private: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(private, None)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{TOKEN_PRIVATE} holds no private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(f"{TOKEN_PRIVATE} holds a key of another kind than Ed25519")
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _caller(name: str, secret: bytes) -> str:
    """Only the hash: who can read a callee's file can't call in another's name."""
    return f"{name} {hashlib.sha256(secret.strip()).hexdigest()}\n"
