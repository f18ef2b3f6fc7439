"""What a seeded client's card says: forty attributes, or five hundred for one in a hundred."""

import random
import uuid
from collections.abc import Iterator
from datetime import date, timedelta

from system.shared.ids import seeded_client

FIRST = ("Anna", "Boris", "Vera", "Grigory", "Daria", "Egor", "Zoya", "Ivan", "Ksenia", "Lev")
LAST = ("Orlov", "Volkov", "Sokolov", "Belov", "Kozlov", "Gromov", "Lebedev", "Morozov")
CITIES = ("Moscow", "Kazan", "Samara", "Omsk", "Perm", "Tula", "Tver", "Ufa")
WORDS = ("yes", "no", "often", "never", "unknown")
TODAY = date(2026, 1, 1)  # a fixed day, so that the same seed gives the same rows
GROUPS = {
    "address": ("region", "city", "street", "house", "postal-code"),
    "consents": ("marketing", "data-sharing", "calls", "signed-on", "channel"),
    "contact": ("email", "phone", "second-phone", "city", "language"),
    "driving": ("experience-years", "class", "accidents", "fines", "night-driving"),
    "employment": ("employer", "position", "income-band", "since", "industry"),
    "loyalty": ("tier", "points", "member-since", "referrals", "discount-percent"),
    "payments": ("method", "day-of-month", "autopay", "currency", "last-amount"),
    "vehicle": ("make", "model", "year", "mileage-km", "garage"),
}
FULL = 500  # attributes of a full card
FULL_EVERY = 100
Row = tuple[object, ...]


def card(number: int, client: int) -> Iterator[tuple[str, Row]]:
    """The rows of one client, each with its table."""
    rng = random.Random(f"{number}/{client}")
    key = seeded_client(number, client)
    name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
    yield "clients", (key, name, TODAY - timedelta(days=rng.randrange(18 * 366, 80 * 365)))
    for kind in ("passport", "driving_licence"):
        issued = TODAY - timedelta(days=rng.randrange(30, 3000))
        serial = f"{rng.randrange(10**10):010d}"
        row = (uuid.uuid5(key, kind), key, kind, serial, issued, issued + timedelta(days=3650))
        yield "documents", row
    for relative in range(rng.randrange(4)):
        kind = rng.choice(("spouse", "child", "parent"))
        own = uuid.uuid5(key, f"relative-{relative}")
        yield "relatives", (own, key, kind, rng.choice(FIRST), rng.randrange(90))
    for group, attribute, value in _attributes(rng, name):
        yield "attributes", (key, group, attribute, value)
    if client % FULL_EVERY == 0:
        for extra in range(FULL - sum(map(len, GROUPS.values()))):
            yield "attributes", (key, "history", f"year-{extra:03d}", str(rng.randrange(10**6)))


def _attributes(rng: random.Random, name: str) -> Iterator[tuple[str, str, str]]:
    told = {
        "email": f"{name.lower().replace(' ', '.')}@example.com",
        "phone": f"+7900{rng.randrange(10**7):07d}",
        "city": rng.choice(CITIES),
        "experience-years": str(rng.randrange(50)),
        "accidents": str(rng.randrange(4)),
    }
    chance = rng.getrandbits(64)  # one number for all the others: forty draws a client take long
    for group, names in GROUPS.items():
        for attribute in names:
            chance, part = chance // 3 or rng.getrandbits(64), chance % 1000
            value = told.get(attribute)
            yield group, attribute, value or (str(part) if part % 2 else WORDS[part % len(WORDS)])
