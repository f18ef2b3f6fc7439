"""Who asks: a person by a signed token, a service by its own secret."""

import hashlib
import hmac
import re
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import Response
from pydantic_settings import BaseSettings

from system.shared.service import problem

ISSUER = "insure-system"  # the audience, too: the system issues tokens for itself
LIFETIME_S = 900.0
LONGEST = 1024  # characters of a header; a token of ours has about 360
KEPT = 20_000  # verified tokens in memory: more than the customers of a replica at the peak
CLOCKS_APART_S = 30.0  # how far ahead the issuer's clock may be
CLAIMS = ["iss", "aud", "sub", "role", "iat", "exp", "jti"]
OPERATOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NOBODY = hashlib.sha256(b"").digest()

Role = Literal["customer", "operator"]


class AccessSettings(BaseSettings):
    """Where the keys are; a service is told only of those it needs."""

    token_public_key_file: Path | None = None
    callers_file: Path | None = None
    call_secret_file: Path | None = None


@dataclass(frozen=True)
class Person:
    """``subject``: a customer's client id, or an operator's name."""

    subject: str
    role: Role


class Unauthenticated(Exception):
    """The request names nobody, or nobody that is known; the message may be shown."""


class Tokens:
    """Reads signed tokens. ``public_pem``: an Ed25519 key, so nothing here can issue one."""

    def __init__(self, public_pem: bytes, now: Callable[[], float] = time.time) -> None:
        key = load_pem_public_key(public_pem)
        if not isinstance(key, Ed25519PublicKey):
            raise TypeError("the key of the tokens is no Ed25519 public key")
        self._key, self._now = key, now
        self._verified: dict[str, tuple[Person, float]] = {}

    def person(self, authorization: str | None) -> Person:
        """Who sends ``Authorization: Bearer TOKEN``."""
        token = _credential(authorization, "bearer")
        kept = self._verified.get(token)
        if kept is None:
            kept = self._verify(token)
            if len(self._verified) >= KEPT:
                del self._verified[next(iter(self._verified))]
            self._verified[token] = kept
        person, until_s = kept
        if until_s <= self._now():
            del self._verified[token]
            raise Unauthenticated("the token has expired")
        return person

    def _verify(self, token: str) -> tuple[Person, float]:
        # Times are judged here, by this object's clock.
        options: Any = {"require": CLAIMS, "verify_exp": False, "verify_iat": False}
        options["verify_nbf"] = False
        try:
            claims = jwt.decode(
                token, self._key, ["EdDSA"], options, audience=ISSUER, issuer=ISSUER
            )
        except (jwt.PyJWTError, ValueError, RecursionError):  # a header nested too deeply: the last
            raise Unauthenticated("the token is not valid") from None
        return self._person(claims)

    def _person(self, claims: Mapping[str, Any]) -> tuple[Person, float]:
        starts = [claims["iat"], claims.get("nbf", claims["iat"])]
        if not all(isinstance(at, int | float) for at in [*starts, claims["exp"]]):
            raise Unauthenticated("the token is not valid")
        if max(starts) > self._now() + CLOCKS_APART_S:
            raise Unauthenticated("the token is not valid yet")
        subject, role = claims["sub"], claims["role"]
        if role == "customer" and isinstance(subject, str) and _is_uuid(subject):
            return Person(subject.lower(), "customer"), float(claims["exp"])
        if role == "operator" and isinstance(subject, str) and OPERATOR.fullmatch(subject):
            return Person(subject, "operator"), float(claims["exp"])
        raise Unauthenticated("the token names nobody")


def mint(
    private_pem: bytes,
    *,
    subject: str,
    role: str,
    now_s: float,
    lifetime_s: float = LIFETIME_S,
    signed_in_s: float | None = None,
) -> str:
    """A token that ``Tokens`` takes, from now on and for ``lifetime_s``. ``signed_in_s``: when
    the person showed who it is, in place of now (OpenID Connect's ``auth_time``)."""
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": subject,
        "role": role,
        "iat": int(now_s),
        "exp": int(now_s + lifetime_s),
        "auth_time": int(now_s if signed_in_s is None else signed_in_s),
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, private_pem, "EdDSA")


class Callers:
    """The services that may call this one. A caller with two lines may use either secret."""

    def __init__(self, digests: Mapping[str, tuple[bytes, ...]]) -> None:
        self._digests = dict(digests)

    @classmethod
    def read(cls, path: Path) -> "Callers":
        """From lines of a caller's name and the SHA-256 of its secret, in hex."""
        digests: dict[str, list[bytes]] = defaultdict(list)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            words = line.split()
            if not words:
                continue
            if len(words) != 2 or not re.fullmatch(r"[0-9a-f]{64}", words[1]):
                raise ValueError(f"{path.name}, line {number}: not a name and a SHA-256")
            digests[words[0]].append(bytes.fromhex(words[1]))
        return cls({name: tuple(known) for name, known in digests.items()})

    def caller(self, authorization: str | None) -> str:
        """Who sends ``Authorization: Service NAME:SECRET``."""
        name, _, secret = _credential(authorization, "service").partition(":")
        shown = hashlib.sha256(secret.encode()).digest()
        # An unknown name costs the same comparison as a known one.
        known = self._digests.get(name, (NOBODY,))
        same = [hmac.compare_digest(shown, digest) for digest in known]
        if not any(same) or name not in self._digests or not secret:
            raise Unauthenticated("the calling service is not known here")
        return name


def service_authorization(name: str, secret_file: Path) -> str:
    """The header by which ``name`` calls another service."""
    secret = secret_file.read_text().strip()
    if not secret:
        raise ValueError(f"{secret_file.name} is empty")
    return f"Service {name}:{secret}"


def refusal(error: Unauthenticated, scheme: str = "Bearer") -> Response:
    """The problem document for who was not recognised."""
    return problem(401, "UNAUTHENTICATED", str(error), {"WWW-Authenticate": scheme})


def _credential(authorization: str | None, scheme: str) -> str:
    if not authorization:
        raise Unauthenticated("the Authorization header is absent")
    given, _, credential = authorization.partition(" ")
    credential = credential.strip()
    if given.lower() != scheme or not credential:
        raise Unauthenticated(f"the Authorization header is not of the {scheme} scheme")
    if len(credential) > LONGEST or not credential.isascii():
        raise Unauthenticated("the Authorization header is not valid")
    return credential


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
