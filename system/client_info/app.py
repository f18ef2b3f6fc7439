"""Wiring: settings, database, who may call, routes."""

import gc
from functools import lru_cache, partial

import structlog
from fastapi import FastAPI

from system.client_info.api import Query
from system.client_info.batches import Batches
from system.shared.access import AccessSettings, Callers
from system.shared.cost import Cost
from system.shared.db import Database
from system.shared.graphql import mount, schema
from system.shared.service import Frame, build
from system.shared.settings import CostSettings, DatabaseSettings, ServiceSettings

LOG = structlog.get_logger()


def make() -> tuple[FastAPI, Frame]:
    """The service as its environment describes it."""
    settings, costs = ServiceSettings(), CostSettings()
    callers = _callers(settings.environment)
    database = Database(DatabaseSettings())
    frame = Frame(settings, database, Cost(costs, database))
    app = build(
        frame,
        costs.start_s,
        opened=partial(_settle, guarded=callers is not None),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # FastAPI's own, which nobody reads here and which looks at each request
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    mount(
        app,
        schema(Query, None, settings.environment, planned=True),
        frame,
        # the same few credentials come with each request; a false one is never kept
        person=lru_cache(maxsize=64)(callers.caller) if callers else None,
        anonymous=callers is None,
        batches=Batches(database),
    )
    return app, frame


async def _settle(*, guarded: bool) -> None:
    """What was loaded stays: the collector need not look through it again for each few requests."""
    if not guarded:
        LOG.warning("every card is open to every caller: CALLERS_FILE is not set")
    gc.collect()
    gc.freeze()


def _callers(environment: str) -> Callers | None:
    """A client's card is open to all only where somebody develops this."""
    path = AccessSettings().callers_file
    if path is not None:
        return Callers.read(path)
    if environment != "development":
        raise SystemExit("CALLERS_FILE is not set: nobody could be told from anybody else")
    return None
