"""Which Prometheus a zone's questions go to: its own address, one behind a cluster's API server,
or one that somebody else runs."""

import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from insurectl.adapters import prometheus
from insurectl.adapters.prometheus_dialect import ZONE, Dialect, parse_labels, parse_matchers
from insurectl.errors import BadInput, TargetNotReady
from insurectl.records import Zone

PORT = 9090
SERVICE = "prometheus"


@dataclass(frozen=True, kw_only=True)
class PrometheusAccess:
    """A Prometheus that is already there. ``url`` may hold ``{zone}``; ``token_file`` holds a
    bearer token and is nobody else's to read; ``ca_file`` signs its certificate."""

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None
    dialect: Dialect = field(default_factory=Dialect)

    def ask(self, zone: Zone, kind: str, params: Mapping[str, object]) -> dict[str, Any]:
        """One call of the HTTP API; TargetNotReady when it does not answer or refuses."""
        token = None if self.token_file is None else _token(self.token_file)
        url = self.url.replace(ZONE, zone.name)
        return prometheus.ask_url(url, kind, params, token=token, ca_file=self.ca_file)

    @property
    def shared(self) -> bool:
        """Whether it holds all zones and nothing tells them apart."""
        return ZONE not in self.url and not self.dialect.tells_zones_apart

    def metrics(self, scrape_interval_s: float) -> prometheus.PrometheusMetrics:
        """The MetricsSource that asks it."""
        return prometheus.PrometheusMetrics(
            scrape_interval_s, self.ask, self.dialect, shared=self.shared
        )


def access(
    url: str,
    *,
    token_file: Path | None = None,
    ca_file: Path | None = None,
    labels: str = "",
    matcher: str = "",
) -> PrometheusAccess:
    """From settings, each checked; BadInput names the one that can't be used."""
    parts = _split(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput(
            "prometheus_url: it may hold neither a password nor a query; a bearer token is read "
            "from the file that prometheus_token_file names"
        )
    if token_file is not None:
        _token(token_file)
        if parts.scheme != "https" and not prometheus.loopback(parts.hostname or ""):
            raise BadInput(
                f"prometheus_url: a token would cross the network in clear text to {url}; "
                "give an https address"
            )
    if ca_file is not None and not ca_file.is_file():
        raise BadInput(f"prometheus_ca_file: there is no file {ca_file}")
    dialect = Dialect(labels=parse_labels(labels), matchers=parse_matchers(matcher))
    return PrometheusAccess(
        url=url.rstrip("/"), token_file=token_file, ca_file=ca_file, dialect=dialect
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.replace(ZONE, "zone"))
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that don't close
        usable = False
    if not usable:
        shown = "what was given" if "@" in url else repr(url)  # it may hold a password
        raise BadInput(f"prometheus_url: {shown} is no address; wanted is http(s)://HOST:PORT")
    return parts


def _token(path: Path) -> str:
    """Read each time: what issues tokens writes the file anew before the old one ends."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"prometheus_token_file: {path} can't be read: {error}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadInput(
            f"prometheus_token_file: {path} is open to others (mode {stat.S_IMODE(mode):04o}); "
            f"run chmod 600 {path}"
        )
    if not text or not text.isprintable() or " " in text:
        raise BadInput(f"prometheus_token_file: {path} has to hold one token and nothing else")
    return text


class ServiceProxy(Protocol):
    """What is asked of a cluster's API server."""

    def proxy_get(
        self, namespace: str, service: str, port: int, path: str, params: Mapping[str, str]
    ) -> bytes:
        """The body that a Service answers; an InsurectlError when there is none."""


def through_clusters(
    clusters: Mapping[str, ServiceProxy], namespaces: Mapping[str, str]
) -> Callable[[Zone, str, Mapping[str, object]], dict[str, Any]]:
    """Each zone's own Prometheus, through the service proxy of its API server, so that it needs
    no address outside. Both by the zone's name."""

    def ask(zone: Zone, kind: str, params: Mapping[str, object]) -> dict[str, Any]:
        where = f"Prometheus of zone {zone.name} (Service {SERVICE} in {namespaces[zone.name]})"
        body = clusters[zone.name].proxy_get(
            namespaces[zone.name],
            SERVICE,
            PORT,
            f"/api/v1/{kind}",
            {key: f"{value}" for key, value in params.items()},
        )
        try:
            answer = json.loads(body)
        except ValueError:
            raise TargetNotReady(f"{where} answers no JSON: {body[:80]!r}") from None
        return prometheus.checked(answer, where, params)

    return ask
