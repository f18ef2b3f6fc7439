"""Wiring: settings, database, client-info, routes."""

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import BaseSettings

from system.core_app.clients import ClientInfo
from system.core_app.graphql_api import Mutation, Query
from system.core_app.partner_api import routes
from system.core_app.use_cases import World
from system.shared.cost import Cost
from system.shared.db import Database
from system.shared.graphql import mount, schema
from system.shared.service import Frame, build
from system.shared.settings import CostSettings, DatabaseSettings, ServiceSettings


class CoreAppSettings(BaseSettings):
    """What only this service is told."""

    client_info_url: str
    client_info_keepalive: bool = True
    partner_per_minute: int = Field(default=10, ge=1)


def make() -> tuple[FastAPI, Frame]:
    """The service as its environment describes it."""
    settings, costs, own = ServiceSettings(), CostSettings(), CoreAppSettings()
    database = Database(DatabaseSettings())
    clients = ClientInfo(own.client_info_url, keepalive=own.client_info_keepalive)
    frame = Frame(settings, database, Cost(costs, database))
    app = build(
        frame,
        costs.start_s,
        closed=clients.close,
        title="Partner API",
        version="1.0.0",
        docs_url=None,
        redoc_url=None,
        openapi_url="/partner/v1/openapi.json",
    )
    world = World(database, clients)
    app.include_router(routes(world, frame.cost, own.partner_per_minute))
    mount(app, schema(Query, Mutation, settings.environment), frame, world=world)
    return app, frame
