"""What a load needs to be let in: partners' keys, and the key that signs people's tokens.

The file lies beside the system's other secrets, mode 0600; what is in it goes to no argument, log
or record. What a token says stands in the system's own decisions; both halves are held together
by a test.
"""

import json
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from insurectl.errors import BadFile

ISSUER = "insure-system"  # the audience, too
LIFETIME_S = 900
RENEW_S = 120  # before it expires: a journey that holds one gets to its end
KEPT = 50_000  # tokens in memory, about 600 bytes each


@dataclass(frozen=True, kw_only=True)
class LoadCredentials:
    """``token_private_pem``: an Ed25519 key; empty where the load may ask for nobody.
    ``operator``: by which name it asks for what only operators may."""

    partner_keys: tuple[str, ...] = ()
    token_private_pem: str = field(default="", repr=False)
    operator: str = "load"

    @classmethod
    def read(cls, path: Path) -> "LoadCredentials":
        """BadFile, which tells nothing of the content, when they can't be had."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BadFile(path, f"can't be read: {error.strerror}") from error
        try:
            return TypeAdapter(cls).validate_json(content)
        except ValidationError:
            told = "it holds no credentials of a load: a JSON object with partner_keys, "
            raise BadFile(path, told + "token_private_pem and operator") from None

    def write(self, path: Path) -> None:
        """Whole or not at all, for its owner alone."""
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(asdict(self)), encoding="utf-8")
        beside.replace(path)


class Minter:
    """Signs tokens, and hands one out again until it is about to expire."""

    def __init__(self, private_pem: str, now: Callable[[], float] = time.time) -> None:
        self._pem, self._now = private_pem, now
        self._key: Any = None
        self._kept: dict[tuple[str, str], tuple[str, float]] = {}

    def token(self, subject: str, role: str) -> str:
        """LookupError where there is no key."""
        if not self._pem:
            raise LookupError(
                "this scenario signs people in, and there is no key for that; a system that "
                "`insurectl deploy` brought up has one"
            )
        now_s, asked = self._now(), (subject, role)
        kept = self._kept.get(asked)
        if kept is not None and now_s < kept[1] - RENEW_S:
            return kept[0]
        if len(self._kept) >= KEPT:
            self._kept.clear()
        made = self._sign(subject, role, int(now_s))
        self._kept[asked] = made, int(now_s) + LIFETIME_S
        return made

    def _sign(self, subject: str, role: str, now_s: int) -> str:
        # They load a library of ciphers, which no other command needs.
        import jwt  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

        if self._key is None:
            self._key = load_pem_private_key(self._pem.encode(), None)
        claims = {
            "iss": ISSUER,
            "aud": ISSUER,
            "sub": subject,
            "role": role,
            "iat": now_s,
            "exp": now_s + LIFETIME_S,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, self._key, "EdDSA")
