"""Wiring: settings, database, broker, consumer, routes."""

from decimal import Decimal

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import BaseSettings

from system.ins_comp_settlement import events
from system.ins_comp_settlement.api import operators_only, routes
from system.shared.access import AccessSettings, Tokens
from system.shared.cost import Cost
from system.shared.db import Database
from system.shared.inbox import Consumer
from system.shared.messaging import Broker, BrokerSettings
from system.shared.service import Frame, build
from system.shared.settings import (
    CostSettings,
    DatabaseSettings,
    InboxSettings,
    ServiceSettings,
)


class SettlementSettings(BaseSettings):
    """What only this service is told."""

    default_commission_percent: Decimal = Field(default=Decimal(10), ge=0, le=100)


def make() -> tuple[FastAPI, Frame]:
    """The service as its environment describes it."""
    settings, costs, own = ServiceSettings(), CostSettings(), SettlementSettings()
    database = Database(DatabaseSettings())
    key_file = AccessSettings().token_public_key_file
    if key_file is None:
        raise ValueError("TOKEN_PUBLIC_KEY_FILE is not set: nobody's token could be read")
    consumer = Consumer(
        database,
        Broker(BrokerSettings()),
        name=events.NAME,
        handlers=events.handlers(own.default_commission_percent),
        settings=InboxSettings(),
    )
    frame = Frame(settings, database, Cost(costs, database))
    app = build(
        frame,
        costs.start_s,
        background=(consumer.run,),
        title="Settlement API",
        version="1.0.0",
        docs_url=None,
        redoc_url=None,
        openapi_url="/settlement/v1/openapi.json",
    )
    operator = operators_only(app, Tokens(key_file.read_bytes()))
    app.include_router(routes(database, frame.cost, operator))
    return app, frame
