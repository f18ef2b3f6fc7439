"""What a customer can do at the page, in a real browser, whatever breaks in between."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from system.shared.access import mint
from system.web.issuer import code
from tests.system.replicas import until
from tests.system.web.conftest import LOGIN_KEY, PRIVATE, Site, Visitor

pytestmark = pytest.mark.system

FIVE = [
    ("gamma", 0.1, "6120.00"),
    ("alpha", 0.2, "5432.10"),
    ("zeta", 0.3, "10004.50"),
    ("beta", 0.4, "4998.00"),
    ("eta", 0.5, "5432.09"),
]
BY_PRICE = ["beta", "eta", "alpha", "gamma", "zeta"]


@pytest.fixture(autouse=True)
def _insurers(site: Site) -> None:
    site.core.insurers = list(FIVE)


def offers_are(visitor: Visitor, insurers: list[str]) -> None:
    until(lambda: visitor.insurers() == insurers, f"offers of {insurers} are seen")


def all_answered(page: Page) -> None:
    expect(page.get_by_text("All insurers have answered: 5 offers")).to_be_visible()


def test_offers_appear_one_by_one_sorted_by_price_and_one_is_bought(
    visitor: Visitor, site: Site
) -> None:
    site.core.held = 4
    visitor.sign_in()
    visitor.apply()
    offers_are(visitor, ["gamma"])
    site.core.held = 3
    offers_are(visitor, ["alpha", "gamma"])
    site.core.held = 0
    all_answered(visitor.page)
    assert visitor.insurers() == BY_PRICE
    assert "socket" in site.core.seen
    assert "stream" not in site.core.seen
    visitor.page.get_by_role("button", name="Buy from Eta for ₽5,432.09").click()
    visitor.page.get_by_role("button", name="Buy for ₽5,432.09").click()
    expect(visitor.page.get_by_role("heading", name="You are insured")).to_be_focused()
    visitor.page.get_by_role("link", name="See all your policies").click()
    expect(visitor.page.locator("[data-policy='OSAGO-000001']")).to_contain_text("Eta")


def test_everything_is_done_with_the_keyboard_alone(visitor: Visitor) -> None:
    page, press = visitor.page, visitor.page.keyboard.press
    page.goto(visitor.url)

    def write(text: str) -> None:
        press("Tab")
        page.keyboard.type(text)

    def forward_to(name: str) -> None:
        until(lambda: (press("Tab"), _focused(page))[1] == name, f"{name} has the focus")

    forward_to("Client number")
    page.keyboard.type(visitor.client)
    write(code(LOGIN_KEY, visitor.client))
    press("Enter")
    expect(page.get_by_role("heading", name="Apply for OSAGO")).to_be_focused()
    press("Tab")
    page.keyboard.type("A123BC77")
    for text in ("XTA210990Y2765432", "Lada", "Vesta", "2020", "106"):
        write(text)
    press("Enter")
    expect(page.get_by_role("heading", name="Your offers")).to_be_focused()
    all_answered(page)
    forward_to("Buy from Beta for ₽4,998.00")
    press("Enter")
    expect(page.get_by_role("button", name="Buy for")).to_be_focused()
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert _focused(page) == "Buy from Beta for ₽4,998.00"
    press("Enter")
    press("Enter")
    expect(page.get_by_role("heading", name="You are insured")).to_be_focused()


def _focused(page: Page) -> str:
    """How the element with the focus is called."""
    found: str = page.evaluate(
        "(e => e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent)"
        "(document.activeElement)"
    )
    return found.strip()


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_the_screen(visitor: Visitor, width: int) -> None:
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 740})
    visitor.sign_in()
    page.get_by_role("button", name="Get offers").click()
    widths = {"form": _width(page)}
    visitor.apply()
    all_answered(page)
    widths["offers"] = _width(page)
    for name in ("Policies", "My card"):
        page.get_by_role("link", name=name).click()
        expect(page.locator(".card").first.or_(page.get_by_text("no policy yet"))).to_be_visible()
        widths[name] = _width(page)
    assert widths == dict.fromkeys(widths, width)


def _width(page: Page) -> int:
    found: int = page.evaluate("document.documentElement.scrollWidth")
    return found


def test_what_can_be_pressed_is_large_enough_for_a_finger(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 360, "height": 740})
    visitor.sign_in()
    visitor.apply()
    all_answered(visitor.page)
    pressable = visitor.page.locator("button:visible, nav a:visible")
    heights = [box["height"] for one in pressable.all() if (box := one.bounding_box())]
    assert len(heights) == 9
    assert min(heights) >= 40


@pytest.mark.parametrize(
    ("label", "value", "told"),
    [
        pytest.param("Plate number", "", "Enter a plate number", id="none"),
        pytest.param("Plate number", "Z123BC77", "not a plate number", id="a letter of no plate"),
        pytest.param("VIN", "XTA21099OY2765432", "without I, O and Q", id="O in a VIN"),
        pytest.param("VIN", "XTA", "there are 3", id="a short VIN"),
        pytest.param("Year", "1899", "a year from 1950", id="an old year"),
        pytest.param("Power (hp)", "0", "from 1 to 3000", id="no power"),
        pytest.param("Power (hp)", "1e3", "from 1 to 3000", id="no whole number"),
        pytest.param("Starts on", "2020-01-01", "from tomorrow on", id="the past"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field_and_nothing_is_sent(
    visitor: Visitor, site: Site, label: str, value: str, told: str
) -> None:
    visitor.sign_in()
    visitor.fill(**{label: value})
    visitor.page.get_by_role("button", name="Get offers").click()
    box = visitor.page.get_by_label(label)
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-invalid", "true")
    described = (box.get_attribute("aria-describedby") or "").split()[-1]
    expect(visitor.page.locator(f"#{described}")).to_contain_text(told)
    assert site.core.applications == {}


def test_people_who_listen_are_told_how_many_offers_there_are_and_the_best(
    visitor: Visitor,
) -> None:
    visitor.sign_in()
    visitor.apply()
    spoken = visitor.page.get_by_role("status")
    expect(spoken).to_have_text("5 offers. Best price ₽4,998.00 from Beta.")


def test_a_reload_while_it_is_sent_makes_no_second_application(
    visitor: Visitor, site: Site
) -> None:
    site.core.create_s = 3.0
    visitor.sign_in()
    visitor.fill()
    visitor.page.get_by_role("button", name="Get offers").click()
    until(lambda: len(site.core.applications) == 1, "it has arrived")
    site.core.create_s = 0.0
    visitor.page.reload()
    all_answered(visitor.page)
    keys = {one for one in site.core.seen if one.startswith("create")}
    assert (len(keys), len(site.core.applications)) == (1, 1)


def test_a_lost_answer_makes_no_second_application(visitor: Visitor, site: Site) -> None:
    site.core.lose_answers = 2
    visitor.sign_in()
    visitor.apply()
    all_answered(visitor.page)
    assert site.core.seen.count(next(iter(site.core.seen))) == 3
    assert len(site.core.applications) == 1


def test_another_car_is_another_application(visitor: Visitor, site: Site) -> None:
    visitor.sign_in()
    visitor.apply()
    visitor.page.get_by_role("link", name="Apply").click()
    visitor.fill(Model="Granta")
    visitor.page.get_by_role("button", name="Get offers").click()
    expect(visitor.page.get_by_text("Lada Granta")).to_be_visible()
    assert len(site.core.applications) == 2


def test_without_a_socket_offers_come_as_server_sent_events(visitor: Visitor, site: Site) -> None:
    site.core.sockets, site.core.held = False, 4
    visitor.sign_in()
    visitor.apply()
    offers_are(visitor, ["gamma"])
    until(lambda: "stream" in site.core.seen, "the stream is asked for")
    site.core.held = 0
    all_answered(visitor.page)
    assert visitor.insurers() == BY_PRICE
    assert "stream" in site.core.seen


def test_without_either_the_page_says_so_and_finds_all_offers_in_the_end(
    visitor: Visitor, site: Site
) -> None:
    site.core.sockets = site.core.streams = False
    site.core.held = 4
    visitor.sign_in()
    visitor.apply()
    expect(visitor.page.get_by_text("Connecting again")).to_be_visible()
    site.core.held = 0
    all_answered(visitor.page)
    assert visitor.insurers() == BY_PRICE


def test_a_connection_that_breaks_is_taken_up_and_shows_no_offer_twice(
    visitor: Visitor, site: Site
) -> None:
    site.core.break_after, site.core.held = 2, 2
    visitor.sign_in()
    visitor.apply()
    until(lambda: site.core.break_after == 0, "it broke")
    site.core.held = 0
    all_answered(visitor.page)
    assert visitor.insurers() == BY_PRICE


def test_a_reload_among_the_offers_shows_them_all_again(visitor: Visitor, site: Site) -> None:
    site.core.held = 3
    visitor.sign_in()
    visitor.apply()
    offers_are(visitor, ["alpha", "gamma"])
    visitor.page.reload()
    site.core.held = 0
    all_answered(visitor.page)
    assert visitor.insurers() == BY_PRICE


def test_no_offer_is_told_kindly(visitor: Visitor, site: Site) -> None:
    site.core.insurers = []
    visitor.sign_in()
    visitor.apply()
    expect(visitor.page.get_by_text("No insurer made an offer this time.")).to_be_visible()


def test_a_zone_that_sheds_load_is_asked_again_and_then_told_of(
    visitor: Visitor, site: Site
) -> None:
    visitor.sign_in()
    site.core.down = 1
    visitor.apply()
    all_answered(visitor.page)
    site.core.down = 1000
    visitor.page.get_by_role("link", name="My card").click()
    expect(visitor.page.get_by_role("alert")).to_contain_text("Very many people are here")


def test_buying_twice_by_an_impatient_finger_issues_one_policy(
    visitor: Visitor, site: Site
) -> None:
    visitor.sign_in()
    visitor.apply()
    all_answered(visitor.page)
    visitor.page.locator(".offer.best button").click()
    visitor.page.get_by_role("button", name="Buy for").dblclick()
    expect(visitor.page.get_by_role("heading", name="You are insured")).to_be_visible()
    assert len([one for one in site.core.seen if one.startswith("buy")]) == 1
    visitor.page.reload()
    expect(visitor.page.get_by_role("heading", name="You are insured")).to_be_visible()
    expect(visitor.page.locator(".offer")).to_have_count(5)
    expect(visitor.page.get_by_role("button", name="Buy")).to_have_count(0)


def test_another_customers_application_is_not_there(
    visitor: Visitor, site: Site, browser: Browser
) -> None:
    visitor.sign_in()
    visitor.apply()
    address = visitor.page.url
    other = Visitor(browser.new_page(), site.url)
    other.sign_in()
    other.page.goto(address)
    expect(other.page.get_by_role("alert")).to_contain_text("no such application of yours")
    assert other.insurers() == []
    other.page.close()


def test_a_wrong_code_is_told_without_saying_which_half_is_wrong(visitor: Visitor) -> None:
    page = visitor.page
    page.goto(visitor.url)
    page.get_by_label("Client number").fill(visitor.client)
    page.get_by_label("Code").fill("0" * 12)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("don't belong together")


def test_the_card_is_ones_own(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.page.get_by_role("link", name="My card").click()
    expect(visitor.page.get_by_text(visitor.client)).to_be_visible()
    expect(visitor.page.get_by_text("Driving licence")).to_be_visible()


def short_token(client: str, lifetime_s: float) -> dict[str, Any]:
    now_s = datetime.now(UTC).timestamp()
    token = mint(PRIVATE, subject=client, role="customer", now_s=now_s, lifetime_s=lifetime_s)
    expires = datetime.now(UTC) + timedelta(seconds=lifetime_s)
    return {"token": token, "expiresAt": expires.isoformat()}


def test_a_token_is_renewed_before_it_expires(visitor: Visitor) -> None:
    def short(route: Route) -> None:
        route.fulfill(json=short_token(visitor.client, 152))

    visitor.page.route("**/auth/token", short)
    with visitor.page.expect_response("**/auth/renew") as renewed:
        visitor.sign_in()
    assert renewed.value.ok
    visitor.page.get_by_role("link", name="My card").click()
    expect(visitor.page.get_by_text("Driving licence")).to_be_visible()


def test_a_session_that_ended_asks_to_sign_in_and_keeps_what_was_typed(visitor: Visitor) -> None:
    expired = mint(
        PRIVATE,
        subject=visitor.client,
        role="customer",
        now_s=datetime.now(UTC).timestamp() - 2000,
    )
    visitor.sign_in()
    visitor.fill()
    visitor.page.evaluate(
        """token => {
          const kept = JSON.parse(sessionStorage.getItem("insure.session"));
          sessionStorage.setItem("insure.session", JSON.stringify({...kept, token}));
        }""",
        expired,
    )
    visitor.page.reload()
    expect(visitor.page.locator(".notice")).to_contain_text("Your session has ended")
    visitor.page.get_by_label("Client number").fill(visitor.client)
    visitor.page.get_by_label("Code").fill(code(LOGIN_KEY, visitor.client))
    visitor.page.get_by_role("button", name="Sign in").click()
    expect(visitor.page.get_by_label("VIN")).to_have_value("XTA210990Y2765432")


def test_who_signs_out_leaves_nothing_behind(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.fill()
    visitor.page.get_by_role("button", name="Sign out").click()
    expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert visitor.page.evaluate("[sessionStorage.length, localStorage.length]") == [0, 0]
    visitor.sign_in(str(uuid4()))
    expect(visitor.page.get_by_label("VIN")).to_have_value("")


def test_what_a_server_sends_is_only_ever_text(visitor: Visitor, site: Site) -> None:
    site.core.insurers = [("<img src=x onerror=alert(1)>", 0.1, "1.00")]
    visitor.sign_in()
    visitor.apply()
    expect(visitor.page.locator(".offer")).to_have_count(1)
    assert visitor.page.locator(".offer img").count() == 0


def test_every_page_has_one_heading_a_title_and_names_for_what_is_on_it(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.apply()
    all_answered(visitor.page)
    for link, title in (("Apply", "Apply"), ("Policies", "Policies"), ("My card", "My card")):
        visitor.page.get_by_role("link", name=link).click()
        expect(visitor.page).to_have_title(re.compile(f"^{title} · "))
        expect(visitor.page.get_by_role("heading", level=1)).to_have_count(1)
        unnamed = visitor.page.evaluate(
            "[...document.querySelectorAll('button, a, input')].filter(e => e.checkVisibility()"
            " && !(e.textContent.trim() || e.labels?.length || e.getAttribute('aria-label')))"
            ".length"
        )
        assert unnamed == 0
