"""The SQL of offers while they are collected: kept, told to every replica, and closed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from system.core_app.domain import COLLECT_S, Application, Offer, Status
from system.core_app.store import COLUMNS
from system.shared.db import Database

CHANNEL = "offers"
LEASE_S = 6.0
TAKEN_AT_ONCE = 200  # so that one replica does not take all that a lost zone left
OFFER = "id, application_id, insurer, product_code, premium, currency, valid_until, received_at"


@dataclass(frozen=True, kw_only=True)
class Closed:
    """Collecting for an application is over."""

    application_id: UUID
    status: Status
    offers: int


async def keep(database: Database, offers: Sequence[Offer]) -> None:
    """All in one statement; those that are there already stay as they are."""
    columns = [
        [offer.id for offer in offers],
        [offer.application_id for offer in offers],
        [offer.insurer for offer in offers],
        [offer.product_code for offer in offers],
        [offer.premium for offer in offers],
        [offer.currency for offer in offers],
        [offer.valid_until for offer in offers],
        [offer.received_at for offer in offers],
    ]
    await database.rows(
        f"INSERT INTO offers ({OFFER}) SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[],"
        " %s::text[], %s::numeric[], %s::text[], %s::timestamptz[], %s::timestamptz[])"
        " ON CONFLICT (id) DO NOTHING RETURNING 1",
        columns,
    )


async def close(database: Database, applications: Sequence[UUID]) -> list[Closed]:
    """The applications' status once nothing more comes; one that was bought stays bought."""
    rows = await database.rows(
        "UPDATE applications a SET status = CASE WHEN a.status <> 'ACCEPTED' THEN a.status"
        " WHEN o.offers > 0 THEN 'OFFERED' ELSE 'NO_OFFERS' END FROM (SELECT one AS id, (SELECT"
        " count(*) FROM offers WHERE application_id = one) AS offers FROM unnest(%s::uuid[]) one)"
        " o WHERE a.id = o.id RETURNING a.id AS application_id, a.status, o.offers",
        (list(applications),),
    )
    return [Closed(**row) for row in rows]


async def tell(database: Database, payloads: Sequence[str]) -> None:
    """Notify every replica. Commits of transactions that notify stand in line for one lock, and
    hold it while they wait for the disk and the standby: so these wait for neither. What is lost
    with it is in the tables."""
    await database.rows(
        "SELECT set_config('synchronous_commit', 'off', true), count(pg_notify(%s, line))"
        " FROM unnest(%s::text[]) line",
        (CHANNEL, list(payloads)),
    )


async def offers_of(
    database: Database, applications: Iterable[UUID]
) -> defaultdict[UUID, list[Offer]]:
    """What is kept for these applications, in the order in which it came."""
    rows = await database.rows(
        f"SELECT {OFFER} FROM offers WHERE application_id = ANY(%s)"  # no input in it
        " ORDER BY received_at, id",
        (list(applications),),
    )
    found: defaultdict[UUID, list[Offer]] = defaultdict(list)
    for row in rows:
        found[row["application_id"]].append(Offer(**row))
    return found


async def renew(database: Database, collector: UUID, lease_s: float = LEASE_S) -> None:
    """This replica lives; by the database's clock, the only one that all share."""
    await database.rows(
        "INSERT INTO collectors (id, alive_until)"
        " VALUES (%s, clock_timestamp() + make_interval(secs => %s))"
        " ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until RETURNING id",
        (collector, lease_s),
    )


async def take_up(database: Database, collector: UUID) -> list[Application]:
    """Some of the applications whose collector is gone; from now on they are this one's."""
    rows = await database.rows(
        "UPDATE applications SET collector = %s WHERE id IN (SELECT id FROM applications a"
        " WHERE status = 'ACCEPTED' AND NOT EXISTS (SELECT FROM collectors c WHERE c.id ="
        " a.collector AND c.alive_until > clock_timestamp()) LIMIT %s FOR UPDATE SKIP LOCKED)"
        f" RETURNING {COLUMNS}",  # no input in it
        (collector, TAKEN_AT_ONCE),
    )
    return [Application(**row) for row in rows]


async def forget_collectors(database: Database) -> None:
    """Those that ended so long ago that their applications were taken up, or never will be."""
    await database.rows(
        "DELETE FROM collectors WHERE alive_until < now() - make_interval(secs => %s) RETURNING id",
        (60 * COLLECT_S,),
    )
