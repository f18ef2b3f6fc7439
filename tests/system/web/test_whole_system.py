"""The page before the whole system: form, offers one by one, policy, and its register entry."""

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from insurectl.adapters import process
from system.platform.values import render
from system.shared.ids import seeded_client
from system.web.issuer import code
from tests.system.brokers import RabbitMq
from tests.system.conftest import SEED, Start
from tests.system.core_app.access import PRIVATE, Secrets, bearer
from tests.system.osago_aggregator.aggregators import CORE_SECRET, World
from tests.system.replicas import free_port, until
from tests.system.web.conftest import LOGIN_KEY, Visitor, chromium, keys

pytestmark = pytest.mark.system

ANNA, BORIS = (str(seeded_client(SEED, number)) for number in (1, 2))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Redis and insurers: one is slow, one fails, one never answers."""
    made = World(tmp_path_factory.mktemp("osago"))
    try:
        made.behave(
            theta={"freeze": True}, iota={"error_ratio": 1}, kappa={"offer_ms": 3000},
            gamma={"offer_ms": 1500},
        )  # fmt: skip
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def gateway(
    world: World, broker: RabbitMq, start: Start, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """nginx as a zone has it, before every service that people reach."""
    broker.empty()  # policies of other tests are none of this register's
    folder = tmp_path_factory.mktemp("whole")
    secrets = Secrets(folder, others=(CORE_SECRET,))
    secrets.write()
    (folder / "call-core-app").write_text(CORE_SECRET, encoding="utf-8")
    tokens = {"TOKEN_PUBLIC_KEY_FILE": str(folder / "token-public.pem")}
    client_info = start("client_info", **secrets.of_called)
    core_app = start(
        "core_app",
        **secrets.of_core_app,
        CLIENT_INFO_URL=client_info.url,
        OSAGO_AGGREGATOR_URL=world.aggregator().url,
    )
    start("core_app", command="relay")
    settlement = start("ins_comp_settlement", **tokens)
    web = start("web", **keys(folder, PRIVATE))
    with Nginx(
        folder,
        core_app=core_app.port,
        settlement=settlement.port,
        insurer_stub=world.stub.port,
        web=web.port,
    ) as url:
        yield url


class Nginx:
    """The gateway's own template, in front of services on these ports."""

    def __init__(self, folder: Path, **ports: int) -> None:
        for name in ("log", "nginx-temp"):
            (folder / name).mkdir()
        port = free_port()
        self.url, self._folder = f"http://127.0.0.1:{port}", folder
        text = render(
            "gateway/nginx.conf",
            **{name: f"127.0.0.1:{one}" for name, one in ports.items()},
            gateway=f"127.0.0.1:{port}",
            zone="a",
            folder=folder,
            mesh=f"127.0.0.1:{ports['core_app']}",
            partner_per_minute=10,
            partner_retry_s=6,
            people_per_minute=None,
            people_in_flight=64,
            people_streams=64,
        )
        (folder / "nginx.conf").write_text(text)

    def __enter__(self) -> str:
        folder = self._folder
        words = [
            "-p",
            f"{folder}",
            "-c",
            f"{folder / 'nginx.conf'}",
            "-e",
            f"{folder / 'log/start'}",
        ]
        self._server = subprocess.Popen([process.program("nginx"), *words])
        until(self._serves, "the gateway serves")
        return self.url

    def _serves(self) -> bool:
        try:
            return httpx.get(f"{self.url}/", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait(20)


@pytest.fixture(scope="module")
def browser(gateway: str) -> Iterator[Browser]:  # first: it runs loops of its own
    """Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture
def visitor(context: BrowserContext, gateway: str) -> Iterator[Visitor]:
    one = Visitor(context.new_page(), gateway)
    yield one
    assert one.faults == []


def test_from_the_form_to_the_register(visitor: Visitor, gateway: str) -> None:
    page = visitor.page
    frames: list[str] = []
    page.on("websocket", lambda socket: frames.append(socket.url))
    visitor.sign_in(ANNA)
    visitor.apply()
    until(lambda: 0 < len(visitor.insurers()) < 8, "some offers are seen before the others")
    expect(page.locator("[data-insurer=kappa]")).to_be_visible()
    insurers = visitor.insurers()
    assert sorted(insurers) == sorted(set(insurers))
    assert {"theta", "iota"}.isdisjoint(insurers)
    prices = [
        float(text.strip("₽").replace(",", "")) for text in page.locator(".price").all_inner_texts()
    ]
    assert prices == sorted(prices)
    assert [one.startswith("ws://") for one in frames] == [True]

    visitor.buy_best()
    until(lambda: len(register(gateway)) == 1, "the policy is in the register")
    [entry] = register(gateway)
    assert entry["insurer"] == insurers[0]
    assert float(entry["premium"]) == prices[0]


def register(gateway: str) -> list[dict[str, str]]:
    headers = {"Authorization": bearer("auditor", "operator")}
    url = f"{gateway}/settlement/v1/register"
    items: list[dict[str, str]] = httpx.get(url, headers=headers, trust_env=False).json()["items"]
    return items


def test_the_card_is_the_one_of_who_is_signed_in(visitor: Visitor) -> None:
    visitor.sign_in(BORIS)
    visitor.page.get_by_role("link", name="My card").click()
    expect(visitor.page.get_by_text(BORIS)).to_be_visible()
    expect(visitor.page.get_by_role("heading", name="Documents")).to_be_visible()


def test_nobody_without_a_number_at_client_info_can_apply(visitor: Visitor) -> None:
    visitor.sign_in(str(uuid.uuid4()))
    visitor.fill()
    visitor.page.get_by_role("button", name="Get offers").click()
    expect(visitor.page.get_by_role("alert")).to_be_visible()


def test_a_code_signs_an_operator_in(gateway: str) -> None:
    body = {"operator": "auditor", "code": code(LOGIN_KEY, "operator/auditor")}
    issued = httpx.post(f"{gateway}/auth/token", json=body, trust_env=False).json()
    headers = {"Authorization": f"Bearer {issued['token']}"}
    seen = httpx.get(f"{gateway}/settlement/v1/balances", headers=headers, trust_env=False)
    assert seen.status_code == 200
