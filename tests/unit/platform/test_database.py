"""What makes and mends roles and databases, as SQL."""

from pathlib import Path

import pytest

from system.platform import database, values

TWO = [{"name": "core_app", "role": "app"}, {"name": "client_info", "role": "app"}]


def test_a_role_that_owns_two_databases_is_made_once() -> None:
    text = database.statements(TWO, {"postgres": "s", "app": "p"})
    assert text.count("CREATE ROLE") == 1
    assert text.count("CREATE DATABASE") == 2


def test_every_password_is_set_at_each_start() -> None:
    text = database.statements(TWO, {"postgres": "new-s", "app": "new-p"})
    assert "ALTER ROLE \"postgres\" PASSWORD 'new-s';" in text
    assert "ALTER ROLE \"app\" LOGIN PASSWORD 'new-p';" in text


@pytest.mark.parametrize(
    ("make", "text", "quoted"),
    [
        pytest.param(database.literal, "it's", "'it''s'", id="string"),
        pytest.param(database.name, 'a"b', '"a""b"', id="identifier"),
    ],
)
def test_a_quote_ends_nothing(make: object, text: str, quoted: str) -> None:
    assert callable(make)
    assert make(text) == quoted


def test_a_password_that_fails_is_not_logged() -> None:
    first = database.statements(TWO, {"postgres": "s", "app": "p"}).splitlines()[0]
    assert first == "SET log_min_error_statement = panic;"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(None, "can't be read", id="no file"),
        pytest.param(" \n", "is empty", id="empty"),
    ],
)
def test_a_password_that_is_missing_is_told(tmp_path: Path, content: str | None, told: str) -> None:
    if content is not None:
        (tmp_path / "app").write_text(content)
    with pytest.raises(values.CannotStart, match=told):
        database.secret(tmp_path / "app")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(None, "can't be read", id="no file"),
        pytest.param("{", "can't be read", id="no JSON"),
        pytest.param("[]", "holds no object", id="no object"),
    ],
)
def test_values_that_are_none_are_told(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "values.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(values.CannotStart, match=told):
        values.read(path)
