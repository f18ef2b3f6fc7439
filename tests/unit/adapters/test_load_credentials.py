"""What lets a load in stays in one file, and its tokens are those that the services take."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from insurectl.adapters.load_credentials import LIFETIME_S, RENEW_S, LoadCredentials, Minter
from insurectl.errors import BadFile
from system.shared.access import Person, Tokens

KEY = Ed25519PrivateKey.generate()
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
NOW_S = 1_790_000_000.0


def test_what_is_written_is_read_again_and_for_its_owner_alone(tmp_path: Path) -> None:
    made = LoadCredentials(partner_keys=("one", "two"), token_private_pem=PEM, operator="o")
    path = tmp_path / "credentials.json"
    path.write_text("of before")
    made.write(path)
    assert LoadCredentials.read(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["credentials.json"]


def test_the_file_is_what_others_may_write_too(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({"partner_keys": ["k"], "token_private_pem": PEM}))
    assert LoadCredentials.read(path).operator == "load"


@pytest.mark.parametrize(
    "content",
    [b"", b"a-key\nanother-key\n", b"\xff", b"[]", b'{"partner_keys": "secret-key"}'],
    ids=["empty", "keys of before", "bytes", "a list", "a wrong type"],
)
def test_another_file_is_refused_without_a_word_of_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BadFile, match="no credentials of a load") as raised:
        LoadCredentials.read(tmp_path / "file")
    assert "key\\n" not in str(raised.value)
    assert "secret-key" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="can't be read"):
        LoadCredentials.read(tmp_path / "none")


def test_the_key_is_not_shown() -> None:
    assert "PRIVATE" not in repr(LoadCredentials(token_private_pem=PEM))


@pytest.mark.parametrize(
    "person", [Person(str(uuid4()), "customer"), Person("load", "operator")], ids=["customer", "op"]
)
def test_the_services_take_its_tokens(person: Person) -> None:
    token = Minter(PEM, now=lambda: NOW_S).token(person.subject, person.role)
    assert Tokens(PUBLIC, now=lambda: NOW_S + LIFETIME_S - 1).person(f"Bearer {token}") == person


def test_a_token_is_kept_until_it_is_about_to_expire() -> None:
    now_s = [NOW_S]
    minter = Minter(PEM, now=lambda: now_s[0])
    first: Any = minter.token("load", "operator")
    now_s[0] += LIFETIME_S - RENEW_S - 1
    assert minter.token("load", "operator") == first
    assert minter.token("load", "customer") != first
    now_s[0] += 1
    assert minter.token("load", "operator") != first


def test_without_a_key_it_says_where_one_comes_from() -> None:
    with pytest.raises(LookupError, match="insurectl deploy"):
        Minter("").token("load", "operator")
