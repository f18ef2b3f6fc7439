"""Who asks is known by a signed token or by a service's own secret, and by nothing else."""

import base64
import hashlib
import hmac
import json
import uuid
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from system.shared.access import (
    Callers,
    Person,
    Tokens,
    Unauthenticated,
    mint,
    refusal,
    service_authorization,
)

NOW_S = 1_790_000_000.0
CLIENT = "0a6f2f0e-7c55-4c8e-9c3b-0d2f5f8f1a11"
GOOD: dict[str, Any] = {
    "iss": "insure-system",
    "aud": "insure-system",
    "sub": CLIENT,
    "role": "customer",
    "iat": int(NOW_S),
    "exp": int(NOW_S) + 900,
    "jti": "1",
}


def private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


OURS = Ed25519PrivateKey.generate()
PRIVATE, PUBLIC = private_pem(OURS), public_pem(OURS)
OTHERS = private_pem(Ed25519PrivateKey.generate())


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unsigned() -> str:
    head = part(_json({"alg": "none", "typ": "JWT"}))
    return f"{head}.{part(_json(GOOD))}."


def signed_with_the_public_key() -> str:
    """What a library that takes any algorithm would accept: HMAC, keyed by what all know."""
    head, body = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()), part(_json(GOOD))
    mac = hmac.new(PUBLIC, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{part(mac)}"


def _json(claims: dict[str, Any]) -> bytes:
    return json.dumps(claims).encode()


def changed_after_signing() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{part(_json({**GOOD, 'sub': str(uuid.uuid4())}))}.{signature}"


def of_another_curve() -> str:
    return jwt.encode(GOOD, generate_private_key(SECP256R1()), "ES256")


def token(**claims: Any) -> str:
    """One of ours, except for these claims; None leaves a claim out."""
    told = {name: claim for name, claim in {**GOOD, **claims}.items() if claim is not None}
    return jwt.encode(told, PRIVATE, "EdDSA")


def reader(now_s: float = NOW_S) -> Tokens:
    return Tokens(PUBLIC, now=lambda: now_s)


@pytest.mark.parametrize(
    ("subject", "role"),
    [pytest.param(CLIENT, "customer"), pytest.param("auditor", "operator")],
)
def test_a_minted_token_names_its_person(subject: str, role: Any) -> None:
    minted = mint(PRIVATE, subject=subject, role=role, now_s=NOW_S)
    assert reader().person(f"Bearer {minted}") == Person(subject, role)


def test_a_token_is_good_for_its_fifteen_minutes_and_no_longer() -> None:
    now_s = [NOW_S]
    tokens = Tokens(PUBLIC, now=lambda: now_s[0])
    header = f"Bearer {mint(PRIVATE, subject=CLIENT, role='customer', now_s=NOW_S)}"
    for now_s[0] in (NOW_S, NOW_S + 899):
        assert tokens.person(header).subject == CLIENT
    now_s[0] = NOW_S + 900
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            tokens.person(header)


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="no header"),
        pytest.param("", id="an empty header"),
        pytest.param("Bearer", id="no token"),
        pytest.param("Bearer  ", id="a token of spaces"),
        pytest.param(token(), id="no scheme"),
        pytest.param(f"Basic {token()}", id="another scheme"),
        pytest.param(f"Bearer {token(exp=int(NOW_S) - 1)}", id="expired"),
        pytest.param(f"Bearer {token(iat=int(NOW_S) + 60)}", id="issued in the future"),
        pytest.param(f"Bearer {token(nbf=int(NOW_S) + 60)}", id="not valid yet"),
        pytest.param(f"Bearer {jwt.encode(GOOD, OTHERS, 'EdDSA')}", id="signed by another key"),
        pytest.param(f"Bearer {changed_after_signing()}", id="changed after it was signed"),
        pytest.param(f"Bearer {unsigned()}", id="algorithm none"),
        pytest.param(f"Bearer {signed_with_the_public_key()}", id="HS256 by the public key"),
        pytest.param(f"Bearer {of_another_curve()}", id="ES256"),
        pytest.param(f"Bearer {token(aud='another')}", id="for another audience"),
        pytest.param(f"Bearer {token(iss='another')}", id="by another issuer"),
        *(
            pytest.param(f"Bearer {token(**{claim: None})}", id=f"without {claim}")
            for claim in GOOD
        ),
        pytest.param(f"Bearer {token(sub='no-uuid')}", id="a customer who is no UUID"),
        pytest.param(f"Bearer {token(sub='{' + CLIENT + '}')}", id="a UUID in braces"),
        pytest.param(f"Bearer {token(role='operator', sub='../x y')}", id="an operator's bad name"),
        pytest.param(f"Bearer {token(role='root')}", id="an unknown role"),
        pytest.param(f"Bearer {token(exp='never')}", id="an expiry that is no number"),
        pytest.param(f"Bearer {token(extra='x' * 100_000)}", id="a huge token"),
        pytest.param(f"Bearer {part(b'[' * 700)}.e30.AA", id="a deeply nested header"),
        pytest.param(f"Bearer {part(bytes(range(128, 255)))}.e30.AA", id="not UTF-8"),
        pytest.param("Bearer a.b.c", id="garbage"),
        pytest.param("Bearer ..", id="dots"),
        pytest.param("Bearer \x00\xff\u0436", id="bytes"),
        pytest.param(f"Service core-app:{token()}", id="a service's scheme"),
    ],
)
def test_nobody_else_is_a_person(authorization: str | None) -> None:
    with pytest.raises(Unauthenticated):
        reader().person(authorization)


def test_a_key_that_could_sign_otherwise_is_refused() -> None:
    key = generate_private_key(SECP256R1()).public_key()
    with pytest.raises(TypeError):
        Tokens(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def callers(tmp_path: Path, *lines: str) -> Callers:
    path = tmp_path / "callers"
    path.write_text("\n".join(lines) + "\n")
    return Callers.read(path)


def line(name: str, secret: str) -> str:
    return f"{name} {hashlib.sha256(secret.encode()).hexdigest()}"


def test_a_service_is_known_by_its_own_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    header = service_authorization("core-app", tmp_path / "secret")
    assert callers(tmp_path, line("core-app", "s3cret")).caller(header) == "core-app"


def test_a_caller_may_use_either_of_its_secrets(tmp_path: Path) -> None:
    known = callers(tmp_path, line("core-app", "old"), "", line("core-app", "new"))
    assert [known.caller(f"Service core-app:{secret}") for secret in ("old", "new")] == [
        "core-app",
        "core-app",
    ]


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="no header"),
        pytest.param("Service core-app:wrong", id="a wrong secret"),
        pytest.param("Service web:s3cret", id="an unknown caller with a good secret"),
        pytest.param("Service other:s3cret", id="another caller's secret"),
        pytest.param("Service nobody:", id="an unknown caller with no secret"),
        pytest.param("Service core-app:", id="no secret"),
        pytest.param("Service core-app", id="no colon"),
        pytest.param("Service :s3cret", id="no name"),
        pytest.param("Bearer core-app:s3cret", id="a person's scheme"),
        pytest.param("Service core-app:" + "x" * 100_000, id="a huge secret"),
        pytest.param("Service core-app:\u0436", id="not ASCII"),
    ],
)
def test_no_other_service_is_let_in(tmp_path: Path, authorization: str | None) -> None:
    known = callers(tmp_path, line("core-app", "s3cret"), line("other", "an0ther"))
    with pytest.raises(Unauthenticated):
        known.caller(authorization)


@pytest.mark.parametrize("bad", ["core-app", "core-app s3cret", "core-app " + "a" * 63, "a b c"])
def test_a_callers_file_that_is_not_understood_says_its_line(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        callers(tmp_path, line("other", "x"), bad)


def test_an_empty_secret_is_no_credential(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(ValueError, match="empty"):
        service_authorization("core-app", tmp_path / "secret")


def test_a_refusal_is_a_problem_document_that_names_the_scheme() -> None:
    answer = refusal(Unauthenticated("the token has expired"))
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert json.loads(bytes(answer.body))["code"] == "UNAUTHENTICATED"
