"""Wiring: the page and the issuer; no database."""

from fastapi import FastAPI

from system.shared.cost import Cost
from system.shared.service import Frame, build
from system.shared.settings import CostSettings, ServiceSettings
from system.web import api, page
from system.web.attempts import Attempts
from system.web.issuer import Issuer, IssuerSettings


def make() -> tuple[FastAPI, Frame]:
    """The service as its environment describes it."""
    settings, costs, own = ServiceSettings(), CostSettings(), IssuerSettings()
    frame = Frame(settings, None, Cost(costs, None))
    app = build(frame, costs.start_s, docs_url=None, redoc_url=None, openapi_url=None)
    issuer = Issuer(
        own.token_private_key_file.read_bytes(), own.login_key_file.read_bytes().strip()
    )
    app.include_router(page.routes())
    app.include_router(api.routes(issuer, Attempts(), frame.cost))
    return app, frame
