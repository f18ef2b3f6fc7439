"""Wiring: settings, database, insurers, the rounds and the outbox's relay."""

import random
from functools import partial

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import BaseSettings

from system.ins_product_aggregator.clients import Insurers
from system.ins_product_aggregator.domain import insurers
from system.ins_product_aggregator.use_cases import World, collect_forever
from system.shared.access import AccessSettings, service_authorization
from system.shared.cost import Cost
from system.shared.db import Database
from system.shared.messaging import Broker, BrokerSettings
from system.shared.outbox import Relay
from system.shared.service import Frame, build
from system.shared.settings import (
    CostSettings,
    DatabaseSettings,
    OutboxSettings,
    ServiceSettings,
)


class AggregatorSettings(BaseSettings):
    """What only this service is told; times are in seconds."""

    insurer_stub_url: str
    insurer_stub_keepalive: bool = True
    insurers: int = Field(default=10, ge=1, le=1000)
    collect_every_s: float = Field(default=60.0, gt=0)
    collect_timeout_s: float = Field(default=10.0, gt=0)


def make() -> tuple[FastAPI, Frame]:
    """The service as its environment describes it."""
    settings, costs, own = ServiceSettings(), CostSettings(), AggregatorSettings()
    database = Database(DatabaseSettings())
    broker = Broker(BrokerSettings())
    secret_file = AccessSettings().call_secret_file
    if secret_file is None:
        raise ValueError("CALL_SECRET_FILE is not set: the insurers would not know who asks")
    clients = Insurers(
        own.insurer_stub_url,
        service_authorization(settings.name, secret_file),
        timeout_s=own.collect_timeout_s,
        keepalive=own.insurer_stub_keepalive,
    )
    world = World(database, clients, insurers(own.insurers), own.collect_every_s, random.Random())
    relay = Relay(database, broker, zone=settings.zone, settings=OutboxSettings())
    frame = Frame(settings, database, Cost(costs, database))
    app = build(
        frame,
        costs.start_s,
        closed=clients.close,
        checks=(broker.check,),
        background=(partial(collect_forever, world), relay.run),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    return app, frame
