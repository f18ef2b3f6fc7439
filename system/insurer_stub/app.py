"""Wiring: the insurers, their API in front, an operator's routes."""

from pydantic import Field
from pydantic_settings import BaseSettings
from starlette.types import ASGIApp

from system.insurer_stub.admin import routes
from system.insurer_stub.api import Insurers
from system.insurer_stub.world import World
from system.shared.access import AccessSettings, Callers, Tokens
from system.shared.cost import Cost
from system.shared.service import Frame, build
from system.shared.settings import CostSettings, ServiceSettings


class InsurerStubSettings(BaseSettings):
    """What only this service is told."""

    insurers: int = Field(default=10, ge=1, le=100)


def make() -> tuple[ASGIApp, Frame]:
    """The service as its environment describes it."""
    settings, costs, own = ServiceSettings(), CostSettings(), InsurerStubSettings()
    access = AccessSettings()
    tokens_file, callers_file = access.token_public_key_file, access.callers_file
    tokens = Tokens(tokens_file.read_bytes()) if tokens_file else None
    callers = Callers.read(callers_file) if callers_file else None
    world = World(own.insurers, costs.seed)
    frame = Frame(settings, None, Cost(costs, None))
    app = build(frame, costs.start_s, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(routes(world, tokens))

    async def pay() -> None:
        """A worker for its time, before the insurer's own time, which is no work of this replica:
        a slow insurer must not hold the workers that the other nine need."""
        async with frame.cost.paid():
            pass

    async def free() -> None:
        """Nothing to pay."""

    costly = costs.worker_ms or costs.cpu_ms or costs.memory_mib
    return Insurers(app, world, callers, pay if costly else free), frame
