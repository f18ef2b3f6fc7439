"""Wiring: settings, database, routes."""

from fastapi import FastAPI

from system.client_info.api import Query
from system.shared.cost import Cost
from system.shared.db import Database
from system.shared.graphql import mount, schema
from system.shared.service import Frame, build
from system.shared.settings import CostSettings, DatabaseSettings, ServiceSettings


def make() -> tuple[FastAPI, Frame]:
    """The service as its environment describes it."""
    settings, costs = ServiceSettings(), CostSettings()
    database = Database(DatabaseSettings())
    frame = Frame(settings, database, Cost(costs, database))
    app = build(frame, costs.start_s, docs_url=None, redoc_url=None, openapi_url=None)
    mount(app, schema(Query, None, settings.environment), frame, database=database)
    return app, frame
