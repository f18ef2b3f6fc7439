"""The page's service in this process, in front of a core-app from memory; and a real browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright
from starlette.types import Receive, Scope, Send

from system.shared.access import Tokens
from system.web.app import make
from system.web.issuer import code
from tests.system.replicas import free_port, until
from tests.system.web.fake_core import FakeCore

CHROMIUM = "/usr/bin/chromium"
LOGIN_KEY = b"only-for-tests"
KEY = Ed25519PrivateKey.generate()
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PATIENCE_MS = 20_000  # the machine may have much else to do
expect.set_options(timeout=PATIENCE_MS)
FRAME = ViewportSize(width=1280, height=800)


def keys(folder: Path, private_pem: bytes = PRIVATE) -> dict[str, str]:
    """The service's two secrets, and the variables that lead to them."""
    files = {"TOKEN_PRIVATE_KEY_FILE": private_pem, "LOGIN_KEY_FILE": LOGIN_KEY + b"\n"}
    for name, content in files.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
    return {name: str(folder / name) for name in files}


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The service, not started."""
    for name, path in keys(tmp_path).items():
        monkeypatch.setenv(name, path)
    monkeypatch.setenv("SERVICE_NAME", "web")
    return make()[0]


class Site:
    """Both behind one address, as the gateway puts them."""

    def __init__(self, web: FastAPI, core: FakeCore) -> None:
        self.core = core
        inner = core.app()

        async def both(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope.get("path", "")
            to_core = path == "/graphql" or path.startswith("/web/")
            await (inner if to_core else web)(scope, receive, send)

        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            both,
            host="127.0.0.1",
            port=self.port,
            log_level="error",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> "Site":
        self._thread.start()
        until(lambda: self.server.started, "the page is served")
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self._thread.join(10)


@pytest.fixture
def site(web: FastAPI) -> Iterator[Site]:
    """Served on loopback."""
    with Site(web, FakeCore(Tokens(PUBLIC))) as served:
        yield served


@contextmanager
def chromium() -> Iterator[Browser]:
    """Headless; skipped where there is none. Not for a whole session: while it is there, an event
    loop runs in this thread, and no other can."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM}")
    arguments = ["--no-sandbox", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as started:
        yield started


class Visitor:
    """A person at the page."""

    def __init__(self, page: Page, url: str, login_key: bytes = LOGIN_KEY) -> None:
        self.page, self.url, self.client = page, url, str(uuid4())
        self._login_key = login_key
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._console)

    def _console(self, message: Any) -> None:
        # Chromium writes a line for each answer of 400 and above, asked for or not
        refused = ("Failed to load resource", "WebSocket connection to")
        if message.type == "error" and not message.text.startswith(refused):
            self.faults.append(message.text)

    def sign_in(self, client: str | None = None) -> None:
        """With a right code."""
        self.client = client or self.client
        self.page.goto(self.url)
        self.page.get_by_label("Client number").fill(self.client)
        self.page.get_by_label("Code").fill(code(self._login_key, self.client))
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Apply for OSAGO").wait_for()

    def fill(self, **other: str) -> None:
        """The form, with good values but for these."""
        values = {
            "Plate number": "\u0430123\u0432\u0441 77",  # typed in Cyrillic, as most do
            "VIN": "XTA210990Y2765432",
            "Make": "Lada",
            "Model": "Vesta",
            "Year": "2020",
            "Power (hp)": "106",
            **other,
        }
        for label, value in values.items():
            self.page.get_by_label(label).fill(value)

    def apply(self) -> None:
        """Fill the form, send it, and see the offers' page."""
        self.fill()
        self.page.get_by_role("button", name="Get offers").click()
        self.page.get_by_role("heading", name="Your offers").wait_for()

    def buy_best(self) -> None:
        """Take the cheapest offer, and go to the policies."""
        self.page.locator(".offer.best button").click()
        self.page.get_by_role("button", name="Buy for").click()
        expect(self.page.get_by_role("heading", name="You are insured")).to_be_visible()
        self.page.get_by_role("link", name="See all your policies").click()
        expect(self.page.locator(".policy")).to_have_count(1)

    def insurers(self) -> list[str]:
        """Of the offers that are seen, from the top."""
        found = self.page.locator(".offer").evaluate_all("all => all.map(o => o.dataset.insurer)")
        return cast("list[str]", found)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that knows nothing yet."""
    made = browser.new_context(viewport=FRAME, locale="en-GB")
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def visitor(context: BrowserContext, site: Site) -> Iterator[Visitor]:
    """Whatever happens, the page itself throws nothing."""
    one = Visitor(context.new_page(), site.url)
    yield one
    assert one.faults == []
