"""What the service answers over HTTP: its files, its tokens, and a problem for all else."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from graphql import build_schema, parse, validate

from system.shared.access import Tokens
from system.web.attempts import AT_ONCE
from system.web.issuer import code
from system.web.page import FOLDER
from tests.system.replicas import Replica, until
from tests.system.web.conftest import LOGIN_KEY, PUBLIC, keys
from tests.system.web.fake_core import CONTRACT

ANNA = str(uuid4())


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A real process of the service."""
    folder = tmp_path_factory.mktemp("web")
    replica = Replica("web", 0, keys(folder), folder)
    until(replica.ready, "web is ready")
    yield replica.http
    replica.end()


@pytest.mark.parametrize("path", ["/", *(f"/static/{one.name}" for one in FOLDER.iterdir())])
def test_a_file_is_sent_once_and_then_only_confirmed(http: httpx.Client, path: str) -> None:
    first = http.get(path)
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-cache")
    known = {"If-None-Match": f'"another", W/{first.headers["ETag"]}'}
    again = http.get(path, headers=known)
    assert (again.status_code, again.content) == (304, b"")


def test_nothing_runs_on_the_page_but_its_own_files(http: httpx.Client) -> None:
    policy = http.get("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_the_page_has_no_inline_script_or_style_and_nothing_from_elsewhere() -> None:
    page = (FOLDER / "index.html").read_text()
    assert not re.findall(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", page)
    texts = [one.read_text() for one in FOLDER.iterdir() if one.suffix != ".svg"]
    assert not [
        found for text in texts for found in re.findall(r"https?://|innerHTML|eval\(", text)
    ]


def test_every_module_is_loaded_at_once_and_not_one_after_the_other() -> None:
    page = (FOLDER / "index.html").read_text()
    modules = {one.name for one in FOLDER.glob("*.js")}
    assert set(re.findall(r'modulepreload" href="/static/([\w.]+)"', page)) == modules


def test_every_document_of_the_page_fits_the_published_schema() -> None:
    text = (FOLDER / "queries.js").read_text()
    parts = dict(re.findall(r'const (\w+) = "([^"]+)";', text))
    documents = re.findall(r"export const \w+ = `([^`]+)`", text)
    schema = build_schema(CONTRACT.read_text())
    for document in documents:
        whole = re.sub(r"\$\{(\w+)\}", lambda found: parts[found[1]], document)
        assert validate(schema, parse(whole)) == []
    assert len(documents) == 7


@pytest.mark.parametrize("path", ["/static/", "/static/..%2fapi.py", "/static/none.js", "/nowhere"])
def test_what_is_not_there_is_a_problem(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_a_code_buys_a_token_that_no_cache_keeps(http: httpx.Client) -> None:
    answer = sign_in(http, clientId=ANNA, code=code(LOGIN_KEY, ANNA))
    assert Tokens(PUBLIC).person(f"Bearer {answer.json()['token']}").subject == ANNA
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_operator_gets_one_the_same_way(http: httpx.Client) -> None:
    answer = sign_in(http, operator="auditor", code=code(LOGIN_KEY, "operator/auditor"))
    assert Tokens(PUBLIC).person(f"Bearer {answer.json()['token']}").role == "operator"


def test_a_token_buys_the_next(http: httpx.Client) -> None:
    token = sign_in(http, clientId=ANNA, code=code(LOGIN_KEY, ANNA)).json()["token"]
    answer = http.post("/auth/renew", headers={"Authorization": f"Bearer {token}"})
    assert Tokens(PUBLIC).person(f"Bearer {answer.json()['token']}").subject == ANNA
    assert http.post("/auth/renew").status_code == 401


def test_wrong_codes_are_refused_and_then_held_back_whoever_is_right_later(
    http: httpx.Client,
) -> None:
    one = str(uuid4())
    refused = {sign_in(http, clientId=one, code="0" * 12).status_code for _ in range(AT_ONCE)}
    assert refused == {401}
    late = sign_in(http, clientId=one, code=code(LOGIN_KEY, one))
    assert late.status_code == 429
    assert int(late.headers["Retry-After"]) >= 1
    other = str(uuid4())
    assert sign_in(http, clientId=other, code=code(LOGIN_KEY, other)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="empty"),
        pytest.param(b"{", 400, id="no JSON"),
        pytest.param(b"\xff\xfe", 400, id="not UTF-8"),
        pytest.param(b"[" * 1000 + b"]" * 1000, 400, id="nested too deeply"),
        pytest.param(b"null", 422, id="null"),
        pytest.param(b"[]", 422, id="a list"),
        pytest.param(b"{}", 422, id="nothing in it"),
        pytest.param(b'{"clientId":1,"code":"000000000000"}', 422, id="a wrong type"),
        pytest.param(b'{"clientId":"x","code":"000000000000"}', 422, id="no UUID"),
        pytest.param(b'{"code":"000000000000"}', 422, id="nobody"),
        pytest.param(b'{"operator":"a/../b","code":"000000000000"}', 422, id="an operator's path"),
        pytest.param(b'{"operator":"a\\n","code":"000000000000"}', 422, id="a line break"),
        pytest.param(b'{"operator":"\\ud800","code":"000000000000"}', 400, id="half a character"),
        pytest.param(f'{{"clientId":"{ANNA}","code":"0"}}'.encode(), 422, id="a short code"),
        pytest.param(
            f'{{"clientId":"{ANNA}","operator":"a","code":"000000000000"}}'.encode(), 422, id="both"
        ),
        pytest.param(
            f'{{"clientId":"{ANNA}","code":"000000000000","x":1}}'.encode(), 422, id="more"
        ),
        pytest.param(b" " * 100_000, 413, id="too large"),
    ],
)
def test_bad_input_is_refused_with_a_problem_that_repeats_none_of_it(
    http: httpx.Client, body: bytes, status: int
) -> None:
    answer = http.post("/auth/token", content=body)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "000000000000" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/auth/token"), ("PUT", "/auth/token"), ("POST", "/")]
)
def test_another_method_is_refused(http: httpx.Client, method: str, path: str) -> None:
    assert http.request(method, path).status_code == 405


def sign_in(http: httpx.Client, **body: Any) -> Any:
    return http.post("/auth/token", json=body)
