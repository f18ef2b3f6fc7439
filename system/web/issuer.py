"""Signs people in, for a demo and for tests: a code that follows from a key buys a short token.

A real system would stand a provider of identities here. What the others read, the signed token,
would stay as it is.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from pydantic_settings import BaseSettings

from system.shared.access import LIFETIME_S, Person, Role, Tokens, Unauthenticated, mint

CODE_LENGTH = 12  # hex digits: 48 bits, at ten tries a minute
SESSION_S = 8 * 3600.0  # then a code is asked for again


class IssuerSettings(BaseSettings):
    """Where its two keys are."""

    token_private_key_file: Path
    login_key_file: Path


@dataclass(frozen=True)
class Issued:
    """``expires_s``: Unix time."""

    token: str
    expires_s: float


def name_of(client: UUID | None, operator: str | None) -> str:
    """What a code is made over."""
    return f"operator/{operator}" if operator is not None else str(client)


def code(login_key: bytes, name: str) -> str:
    """The code of that name."""
    return hmac.new(login_key, name.encode(), hashlib.sha256).hexdigest()[:CODE_LENGTH]


class Issuer:
    """Issues and renews tokens. ``now``: Unix time in seconds."""

    def __init__(
        self, private_pem: bytes, login_key: bytes, now: Callable[[], float] = time.time
    ) -> None:
        if not login_key:
            raise ValueError("the login key is empty: everybody could make codes")
        self._pem, self._login_key, self._now = private_pem, login_key, now
        public = load_pem_private_key(private_pem, None).public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self._tokens = Tokens(pem, now)

    def sign_in(self, person: Person, shown: str) -> Issued:
        """Unauthenticated for a wrong code: it takes as long as a right one, whoever it is for."""
        client, operator = (
            (UUID(person.subject), None) if person.role == "customer" else (None, person.subject)
        )
        right = code(self._login_key, name_of(client, operator))
        issued = self._issue(person.subject, person.role, self._now())
        if not hmac.compare_digest(right.encode(), shown.encode()):
            raise Unauthenticated("this code is not right")
        return issued

    def renew(self, authorization: str | None) -> Issued:
        """For who holds a token that is still good and signed in not too long ago."""
        person = self._tokens.person(authorization)
        token = (authorization or "").partition(" ")[2].strip()
        # It was verified a line above.
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        signed_in_s = float(claims.get("auth_time", claims["iat"]))
        if self._now() > signed_in_s + SESSION_S:
            raise Unauthenticated("you signed in too long ago: sign in again")
        return self._issue(person.subject, person.role, signed_in_s)

    def _issue(self, subject: str, role: Role, signed_in_s: float) -> Issued:
        now_s = self._now()
        token = mint(self._pem, subject=subject, role=role, now_s=now_s, signed_in_s=signed_in_s)
        return Issued(token, float(int(now_s) + int(LIFETIME_S)))
