"""Wiring: settings, database, client-info, osago-aggregator, broker, routes."""

from pathlib import Path

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import BaseSettings

from system.core_app import partner_api, web_api
from system.core_app.aggregator import Aggregator
from system.core_app.clients import ClientInfo
from system.core_app.collector import Collector
from system.core_app.events import HANDLERS
from system.core_app.feed import Feed
from system.core_app.graphql_api import Mutation, Query, Subscription
from system.core_app.offer_writer import OfferWriter
from system.core_app.partner_gate import Gate
from system.core_app.use_cases import World
from system.shared.access import Tokens, service_authorization
from system.shared.cost import Cost
from system.shared.db import Database
from system.shared.graphql import mount, schema
from system.shared.inbox import Consumer
from system.shared.messaging import Broker, BrokerSettings
from system.shared.outbox import Relay
from system.shared.service import Frame, build
from system.shared.settings import CostSettings, DatabaseSettings, ServiceSettings

NAME = "core-app"  # of its queue and of its credential, whatever a replica is called


class CoreAppSettings(BaseSettings):
    """What only this service is told."""

    client_info_url: str
    client_info_keepalive: bool = True
    osago_aggregator_url: str
    osago_aggregator_keepalive: bool = True
    aggregator_per_second: float = Field(default=50.0, gt=0)
    partner_per_minute: int = Field(default=10, ge=1)
    token_public_key_file: Path
    call_secret_file: Path


def make() -> tuple[FastAPI, Frame]:
    """The service as its environment describes it."""
    settings, costs, own = ServiceSettings(), CostSettings(), CoreAppSettings()
    at = DatabaseSettings()
    database = Database(at)
    aggregator, clients = _others(own)
    writer, feed = OfferWriter(database), Feed(database, at)
    collector = Collector(database, aggregator, writer)
    consumer = Consumer(database, Broker(BrokerSettings()), name=NAME, handlers=HANDLERS)
    frame = Frame(settings, database, Cost(costs, database))

    async def opened() -> None:
        await aggregator.open()
        await collector.open()

    async def closed() -> None:
        await collector.close()
        await aggregator.close()
        await clients.close()

    app = build(
        frame,
        costs.start_s,
        opened,
        closed,
        background=(feed.run, writer.run, collector.run, consumer.run),
        title="Partner API",
        version="1.0.0",
        docs_url=None,
        redoc_url=None,
        openapi_url="/partner/v1/openapi.json",
    )
    world = World(database, clients, collector, feed)
    tokens = Tokens(own.token_public_key_file.read_bytes())
    app.include_router(
        partner_api.routes(world, Gate(database, frame.cost, own.partner_per_minute))
    )
    partner_api.publish(app)
    app.include_router(web_api.routes(world, tokens, frame))
    mount(
        app,
        schema(Query, Mutation, settings.environment, Subscription),
        frame,
        person=tokens.person,
        anonymous=False,
        subscriptions=True,
        world=world,
    )
    return app, frame


def _others(own: CoreAppSettings) -> tuple[Aggregator, ClientInfo]:
    """The services that this one calls, with its credential."""
    authorization = service_authorization(NAME, own.call_secret_file)
    aggregator = Aggregator(
        own.osago_aggregator_url,
        authorization=authorization,
        per_s=own.aggregator_per_second,
        keepalive=own.osago_aggregator_keepalive,
    )
    clients = ClientInfo(
        own.client_info_url, keepalive=own.client_info_keepalive, authorization=authorization
    )
    return aggregator, clients


def make_relay() -> tuple[FastAPI, Frame]:
    """The outbox relay, apart from the request path: health, metrics and nothing to ask."""
    settings, costs = ServiceSettings(), CostSettings()
    database, broker = Database(DatabaseSettings()), Broker(BrokerSettings())
    relay = Relay(database, broker, zone=settings.zone)
    frame = Frame(settings, database, Cost(costs, database))
    app = build(
        frame,
        costs.start_s,
        checks=(broker.check,),
        background=(relay.run,),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    return app, frame
