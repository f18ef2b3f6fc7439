"""Wiring: Redis, the insurers, running applications, routes."""

import uuid

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import BaseSettings

from system.osago_aggregator import hot
from system.osago_aggregator.api import Service, routes
from system.osago_aggregator.clients import Bounds, Insurers
from system.osago_aggregator.domain import codes
from system.osago_aggregator.hot import HotCache
from system.osago_aggregator.hub import Hub
from system.osago_aggregator.permits import Permits
from system.osago_aggregator.runs import Runs
from system.osago_aggregator.store import EVENTS, Store
from system.shared.access import AccessSettings, Callers, service_authorization
from system.shared.cost import Cost
from system.shared.redis_client import RedisSettings, close, connect
from system.shared.service import Frame, build
from system.shared.settings import CostSettings, ServiceSettings


class OsagoAggregatorSettings(BaseSettings):
    """What only this service is told. Rates are of the zone, in calls a second an insurer;
    bounds are of one replica, for each insurer."""

    insurer_stub_url: str
    insurer_stub_keepalive: bool = True
    insurers: int = Field(default=10, ge=1, le=100)
    insurer_rate: float = Field(default=400, gt=0)
    insurer_rates: dict[str, float] = {}  # of those that agreed to another
    insurer_timeout_s: float = Field(default=5, gt=0)
    insurer_in_flight: int = Field(default=128, ge=1)
    insurer_waiting: int = Field(default=1000, ge=0)
    insurer_open_s: float = Field(default=5, gt=0)
    replicas_max: int = Field(default=4, ge=1)  # as its autoscaler may make
    applications_max: int = Field(default=4000, ge=1)
    hot_lifetime_s: float = Field(default=60, gt=0)
    hot_stale_s: float = Field(default=3600, ge=0)

    def rates(self) -> dict[str, float]:
        """Of each insurer."""
        usual = dict.fromkeys(codes(self.insurers), self.insurer_rate)
        return {**usual, **{c: r for c, r in self.insurer_rates.items() if c in usual}}


def make() -> tuple[FastAPI, Frame]:
    """The service as its environment describes it."""
    settings, costs, own = ServiceSettings(), CostSettings(), OsagoAggregatorSettings()
    access = AccessSettings()
    if access.call_secret_file is None:
        raise ValueError("CALL_SECRET_FILE is not set: no insurer would know this service")
    callers = Callers.read(access.callers_file) if access.callers_file else None
    frame = Frame(settings, None, Cost(costs, None))
    redis = connect(RedisSettings())
    store = Store(redis, f"{settings.zone}-{settings.replica}-{uuid.uuid4().hex[:12]}")
    known = codes(own.insurers)
    insurers = Insurers(
        own.insurer_stub_url,
        known,
        Permits(store, own.rates(), own.replicas_max),
        Bounds(
            timeout_s=own.insurer_timeout_s,
            in_flight=own.insurer_in_flight,
            waiting=own.insurer_waiting,
            open_s=own.insurer_open_s,
        ),
        service_authorization(settings.name, access.call_secret_file),
        keepalive=own.insurer_stub_keepalive,
    )
    runs = Runs(store, insurers, known, own.applications_max)
    cache = HotCache(store, own.hot_lifetime_s, own.hot_stale_s)
    hub = Hub(redis, EVENTS, {hot.CHANNEL: cache.hear}, cache.forget)

    async def reached() -> str:
        """Only at the start: replicas that all left at a failover could answer nobody."""
        return "" if store.presence.ever else "Redis has not answered yet"

    async def closed() -> None:
        await runs.release()
        await insurers.close()
        await close(redis)

    app = build(
        frame,
        costs.start_s,
        closed=closed,
        checks=[reached],
        background=[store.probe, hub.listen, runs.tend, lambda: hub.leave(frame.readiness)],
        title="OSAGO aggregator",
        version="1.0.0",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    service = Service(store, hub, runs, insurers, cache, known, frame.cost)
    app.include_router(routes(service, callers))
    return app, frame
