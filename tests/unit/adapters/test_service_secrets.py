"""Which secrets there are, and that those who only check them get no more than they need."""

import hashlib

import jwt
import pytest

from insurectl.adapters import service_secrets, topology
from insurectl.errors import BadInput

KNOWN = topology.bundled()


def files(service: str) -> dict[str, str]:
    return service_secrets.files(KNOWN, KNOWN.service(service))


def test_what_there_was_stays_and_what_is_missing_is_made() -> None:
    first = service_secrets.make(KNOWN, {})
    del first["login-key"]
    again = service_secrets.make(KNOWN, first)
    assert set(again) == set(service_secrets.needed(KNOWN))
    assert {name: again[name] for name in first} == first
    assert again["login-key"]


def test_no_two_secrets_are_alike() -> None:
    made = service_secrets.make(KNOWN, {})
    own = [secret for name, secret in made.items() if not name.startswith("callers-")]
    assert len(set(own)) == len(own)


def test_a_callee_knows_the_hashes_of_its_callers_alone() -> None:
    made = service_secrets.make(KNOWN, {})
    lines = made["callers-insurer-stub"].decode().splitlines()
    assert lines == [
        f"{name} {hashlib.sha256(made[f'call-{name}']).hexdigest()}"
        for name in ("osago-aggregator", "ins-product-aggregator")
    ]


def test_callers_follow_a_secret_that_was_changed() -> None:
    made = service_secrets.make(KNOWN, {})
    after = service_secrets.make(KNOWN, {**made, "call-core-app": b"another\n"})
    digest = hashlib.sha256(b"another").hexdigest()
    assert after["callers-client-info"].decode() == f"core-app {digest}\n"


def test_a_token_made_with_the_private_key_is_good_for_the_public_one() -> None:
    made = service_secrets.make(KNOWN, {})
    token = jwt.encode({"sub": "me"}, made["token-private.pem"], "EdDSA")
    assert jwt.decode(token, made["token-public.pem"], ["EdDSA"]) == {"sub": "me"}


@pytest.mark.parametrize("key", [b"no key", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_private_key_that_is_none_is_bad_input(key: bytes) -> None:
    with pytest.raises(BadInput, match=r"token-private\.pem"):
        service_secrets.make(KNOWN, {"token-private.pem": key})


def test_only_who_issues_tokens_may_read_the_private_key() -> None:
    readers = [n for n in KNOWN.services if "token-private.pem" in files(n).values()]
    assert readers == ["web"]


@pytest.mark.parametrize(
    ("service", "variables"),
    [
        ("core-app", {"BROKER_PASSWORD_FILE", "CALL_SECRET_FILE", "TOKEN_PUBLIC_KEY_FILE"}),
        ("client-info", {"CALLERS_FILE"}),
        ("osago-aggregator", {"REDIS_PASSWORD_FILE", "CALL_SECRET_FILE", "CALLERS_FILE"}),
        ("ins-product-aggregator", {"BROKER_PASSWORD_FILE", "CALL_SECRET_FILE"}),
        ("ins-comp-settlement", {"BROKER_PASSWORD_FILE", "TOKEN_PUBLIC_KEY_FILE"}),
        ("insurer-stub", {"CALLERS_FILE", "TOKEN_PUBLIC_KEY_FILE"}),
        ("web", {"TOKEN_PRIVATE_KEY_FILE", "LOGIN_KEY_FILE"}),
        ("core-app-relay", {"BROKER_PASSWORD_FILE"}),
    ],
)
def test_a_service_gets_the_files_it_needs_and_no_other(service: str, variables: set[str]) -> None:
    assert set(files(service)) == variables
