"""A code buys a short token, a token that is still good buys the next, and nothing else does."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from system.shared.access import Person, Tokens, Unauthenticated, mint
from system.web.attempts import AT_ONCE, EVERY_S, Attempts
from system.web.issuer import SESSION_S, Issuer, code, name_of
from tests.system.replicas import ROOT
from tests.system.web.conftest import LOGIN_KEY, PRIVATE, PUBLIC

NOW_S = 1_790_000_000.0
ANNA = Person(str(uuid4()), "customer")
AUDITOR = Person("auditor", "operator")


def issuer(now_s: float = NOW_S) -> Issuer:
    return Issuer(PRIVATE, LOGIN_KEY, now=lambda: now_s)


def right_code(person: Person) -> str:
    is_customer = person.role == "customer"
    return code(LOGIN_KEY, person.subject if is_customer else name_of(None, person.subject))


@pytest.mark.parametrize("person", [pytest.param(ANNA, id="customer"), AUDITOR])
def test_the_right_code_buys_a_token_of_that_person(person: Person) -> None:
    issued = issuer().sign_in(person, right_code(person))
    tokens = Tokens(PUBLIC, now=lambda: NOW_S)
    assert tokens.person(f"Bearer {issued.token}") == person
    assert issued.expires_s == NOW_S + 900


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param("0" * 12, id="a wrong code"),
        pytest.param("", id="none"),
        pytest.param(right_code(AUDITOR), id="an operator's"),
        pytest.param(code(b"another key", ANNA.subject), id="of another key"),
        pytest.param("\u0436" * 12, id="not ASCII"),
    ],
)
def test_no_other_code_does(shown: str) -> None:
    with pytest.raises(Unauthenticated):
        issuer().sign_in(ANNA, shown)


def test_an_operator_named_as_a_client_has_another_code() -> None:
    assert right_code(Person(ANNA.subject, "operator")) != right_code(ANNA)


def test_a_token_is_renewed_until_the_session_is_too_old() -> None:
    token, now_s = issuer().sign_in(ANNA, right_code(ANNA)).token, NOW_S
    while now_s <= NOW_S + SESSION_S:
        token = issuer(now_s).renew(f"Bearer {token}").token
        now_s += 800
    with pytest.raises(Unauthenticated, match="too long ago"):
        issuer(now_s).renew(f"Bearer {token}")


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(None, id="none"),
        pytest.param("garbage", id="garbage"),
        pytest.param(
            mint(PRIVATE, subject=ANNA.subject, role="customer", now_s=NOW_S - 900), id="expired"
        ),
    ],
)
def test_what_is_no_good_token_is_not_renewed(token: str | None) -> None:
    with pytest.raises(Unauthenticated):
        issuer().renew(token and f"Bearer {token}")


def test_an_empty_login_key_lets_nobody_start() -> None:
    with pytest.raises(ValueError, match="login key"):
        Issuer(PRIVATE, b"")


def test_tries_are_few_at_once_and_come_back_one_by_one() -> None:
    now_s = [0.0]
    attempts = Attempts(now=lambda: now_s[0])
    assert [attempts.take("anna") for _ in range(AT_ONCE)] == [0] * AT_ONCE
    assert attempts.take("anna") == EVERY_S
    assert attempts.take("ivan") == 0
    now_s[0] += EVERY_S
    assert [attempts.take("anna"), attempts.take("anna")] == [0, EVERY_S]


def test_a_name_that_is_tried_in_vain_does_not_wait_ever_longer() -> None:
    now_s = [0.0]
    attempts = Attempts(now=lambda: now_s[0])
    for _ in range(100):
        attempts.take("anna")
    now_s[0] += EVERY_S
    assert attempts.take("anna") == 0


@pytest.mark.parametrize(
    ("words", "name"),
    [
        pytest.param([ANNA.subject], ANNA.subject, id="client"),
        pytest.param(["--operator", "auditor"], "operator/auditor", id="operator"),
    ],
)
def test_the_command_prints_a_code(tmp_path: Path, words: list[str], name: str) -> None:
    done = _command(tmp_path, words)
    assert done.stdout == f"{code(LOGIN_KEY, name)}\n", done.stderr


@pytest.mark.parametrize("words", [[], ["no-uuid"], [ANNA.subject, "--operator", "auditor"]])
def test_the_command_takes_nothing_else(tmp_path: Path, words: list[str]) -> None:
    assert _command(tmp_path, words).returncode == 2


def _command(folder: Path, words: list[str]) -> Any:
    key = folder / "login-key"
    key.write_bytes(LOGIN_KEY + b"\n")
    files = {"LOGIN_KEY_FILE": str(key), "TOKEN_PRIVATE_KEY_FILE": "/nowhere"}
    return subprocess.run(
        [sys.executable, "-m", "system.web", "code", *words],
        env={**os.environ, **files},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
