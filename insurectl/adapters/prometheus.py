"""MetricsSource: Prometheus, one a zone. The queries stand in ``prometheus_queries``.

prometheus-api-client drops warnings and rounds times to whole seconds, so its session is
used and answers are read whole.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from insurectl.adapters.prometheus_dialect import Dialect
from insurectl.adapters.prometheus_queries import (
    COUNT,
    DECIDED,
    DESIRED,
    QUERIES,
    SILENT_UNTIL_USED,
    Query,
)
from insurectl.errors import BadInput, TargetNotReady
from insurectl.records import Decision, Series, Zone

TIMEOUT_S = 10
NOT_RECORDED = "metric not recorded"
Ask = Callable[[Zone, str, Mapping[str, object]], dict[str, Any]]


def ask_zone(zone: Zone, kind: str, params: Mapping[str, object]) -> dict[str, Any]:
    """At the address that the zone gives."""
    return ask_url(zone.prometheus_url, kind, params)


class PrometheusMetrics:
    """Asks every zone's own Prometheus; a zone that is away gives a warning, not an error.

    ``ask``: how a zone's Prometheus is reached. ``shared``: all zones have the same one, which
    gives each the same answers.
    """

    def __init__(
        self,
        scrape_interval_s: float,
        ask: Ask = ask_zone,
        dialect: Dialect | None = None,
        *,
        shared: bool = False,
    ) -> None:
        self._step_s = scrape_interval_s
        self._ask, self._dialect, self._shared = ask, dialect or Dialect(), shared
        self._warnings: list[str] = []
        self._away: list[str] = []  # why zones did not answer, of the call that goes on

    def over(self, zones: Sequence[Zone], start_s: float, end_s: float) -> tuple[Series, ...]:
        """Every named query over the window. TargetNotReady when no zone answers at all."""
        if self._shared and len(zones) > 1:
            raise BadInput(
                f"one Prometheus is given for {len(zones)} zones, so each would get the answers "
                "of all; put {zone} into prometheus_url, or into prometheus_matcher, such as "
                'zone="{zone}" or namespace="insure-default-{zone}"'
            )
        self._away = []
        answered = [self._zone(zone, start_s, end_s) for zone in zones]
        if zones and all(found is None for found in answered):
            raise TargetNotReady(
                f"no Prometheus answers; {'; '.join(self._away)}; see `insurectl status`"
            )
        return tuple(series for found in answered if found for series in found)

    def decisions(
        self, zones: Sequence[Zone], start_s: float, end_s: float
    ) -> tuple[Decision, ...]:
        """Changes of the wanted count; the reason is the metric whose counter rose with it."""
        found: list[Decision] = []
        for zone in zones:
            try:
                # one step earlier, so that a change at the very start has a `before`
                wanted = self._range(zone, DESIRED, start_s - self._step_s, end_s)
                counters = self._range(zone, DECIDED, start_s - self._step_s, end_s)
            except TargetNotReady as error:
                self._warn(f"zone {zone.name}: {error}")
                continue
            for answer in wanted:
                found += _changes(zone.name, answer, counters)
        return tuple(sorted(found, key=lambda one: one.at_s))

    def warnings(self) -> tuple[str, ...]:
        """What Prometheus warned of, or had no answer for, since the last call."""
        warnings, self._warnings = tuple(self._warnings), []
        return warnings

    def _zone(self, zone: Zone, start_s: float, end_s: float) -> tuple[Series, ...] | None:
        found: list[Series] = []
        for query in QUERIES:
            text = self._text(zone, query.text)
            try:
                answers = self._range(zone, query.text, start_s, end_s)
            except TargetNotReady as error:
                self._away.append(f"zone {zone.name}: {error}")
                self._warn(self._away[-1])
                return None
            if not answers and query.name not in SILENT_UNTIL_USED:
                self._warn(f"zone {zone.name}: no answer for {query.name} ({text})")
            found += [_series(query, zone.name, text, answer) for answer in answers]
        return tuple(found)

    def _text(self, zone: Zone, template: str) -> str:
        """Rates over four scrapes: one may be missed and a rate still has two points."""
        window_s = max(math.ceil(4 * self._step_s), 4)
        return self._dialect.write(template, zone=zone.name, window_s=window_s)

    def _range(
        self, zone: Zone, template: str, start_s: float, end_s: float
    ) -> list[dict[str, Any]]:
        """The template's series; every label under our name for it."""
        query = self._text(zone, template)
        span = {"start": start_s, "end": end_s, "step": self._step_s}
        answer = self._ask(zone, "query_range", {"query": query, **span})
        for told in ("warnings", "infos"):
            for text in answer.get(told) or ():
                self._warn(f"zone {zone.name}: Prometheus warns: {text} ({query})")
        if answer.get("isPartial") is True:
            self._warn(f"zone {zone.name}: Prometheus says that its answer is partial ({query})")
        data = answer["data"]
        if data.get("resultType") != "matrix":
            raise TargetNotReady(f"Prometheus answers a {data.get('resultType')} to {query}")
        found: list[dict[str, Any]] = data["result"]
        return [{**one, "metric": self._dialect.read(one["metric"])} for one in found]

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)


def instant(zone_url: str, query: str) -> tuple[tuple[Mapping[str, str], float], ...]:
    """Labels and value of each series as it is now; TargetNotReady when none can be asked."""
    answer = ask_url(zone_url, "query", {"query": query})
    result = answer["data"]["result"]
    if answer["data"]["resultType"] == "scalar":
        return (({}, float(result[1])),)
    return tuple((one["metric"], float(one["value"][1])) for one in result)


def pod_memory(service: str) -> str:
    """Bytes, by ``replica``: on this machine, where pods have numbers."""
    used = f'container_memory_working_set_bytes{{container="{service}"}}'
    return f'label_replace({used}, "replica", "$1", "pod", ".+-([0-9]+)")'


def replica_rps(service: str, window_s: int) -> str:
    """Requests a second, by ``replica``."""
    counted = COUNT.replace("$api", f'$api,service="{service}"')
    return Dialect().write(f"sum by (replica) (rate({counted}[$w]))", zone="", window_s=window_s)


def loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    return host in ("localhost", "::1") or host.startswith("127.")


_CONNECTIONS: dict[str, Any] = {}


def ask_url(
    url: str,
    kind: str,
    params: Mapping[str, object],
    *,
    token: str | None = None,
    ca_file: Path | None = None,
) -> dict[str, Any]:
    """One call of Prometheus' HTTP API. TargetNotReady when it does not answer, answers
    something else, or refuses."""
    import requests  # noqa: PLC0415 - heavy, and not needed by most commands

    where = f"Prometheus at {url}"
    try:
        response = _session(url).get(
            f"{url}/api/v1/{kind}",
            params=params,
            timeout=TIMEOUT_S,
            auth=_bearer(token) if token else None,
            verify=f"{ca_file}" if ca_file else True,
            allow_redirects=False,  # to a login page, say: the token is for this address only
        )
    except requests.RequestException as error:
        raise TargetNotReady(f"{where} does not answer: {error}") from None
    if response.status_code in (401, 403):
        given = "the token is not accepted" if token else "give prometheus_token_file"
        raise TargetNotReady(f"{where} refuses us ({response.status_code}): {given}")
    try:
        answer = response.json()
    except requests.RequestException:
        raise TargetNotReady(
            f"{where} answers {response.status_code} and no JSON: {response.text[:80]!r}"
        ) from None
    return checked(answer, where, params)


def checked(answer: Any, where: str, params: Mapping[str, object]) -> dict[str, Any]:
    """The answer, if it says that it succeeded; TargetNotReady with Prometheus' own words."""
    if not isinstance(answer, dict):
        raise TargetNotReady(f"{where} answers something else than Prometheus does")
    if answer.get("status") != "success" or "data" not in answer:
        raise TargetNotReady(f"{where} refuses {params.get('query')}: {answer.get('error')}")
    return answer


def _bearer(token: str) -> Callable[[Any], Any]:
    """As an ``auth``: a header would give way to what ~/.netrc has for the host."""

    def signed(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return signed


def _session(url: str) -> Any:
    if url not in _CONNECTIONS:
        # brings pandas and matplotlib with it
        from prometheus_api_client import PrometheusConnect  # noqa: PLC0415
        from urllib3.util.retry import Retry  # noqa: PLC0415

        retry = Retry(total=1, backoff_factor=0.2)
        connection = PrometheusConnect(url=url, retry=retry, timeout=TIMEOUT_S)
        # a proxy has no way to this machine's loopback
        connection._session.trust_env = not loopback(urlsplit(url).hostname or "")
        _CONNECTIONS[url] = connection._session
    return _CONNECTIONS[url]


def _series(query: Query, zone: str, text: str, answer: dict[str, Any]) -> Series:
    labels = answer["metric"]
    points = [(float(at), float(value)) for at, value in answer["values"]]
    points = [(at, value) for at, value in points if math.isfinite(value)]
    return Series(
        name=query.name,
        zone=zone,
        service=labels.get(query.label, ""),
        labels=labels,
        unit=query.unit,
        query=text,
        times_s=tuple(at for at, _ in points),
        values=tuple(value for _, value in points),
    )


def _changes(
    zone: str, wanted: dict[str, Any], counters: Sequence[dict[str, Any]]
) -> list[Decision]:
    service = wanted["metric"].get("horizontalpodautoscaler", "")
    points = [(float(at), round(float(value))) for at, value in wanted["values"]]
    changes: list[Decision] = []
    for (earlier_s, before), (at_s, after) in pairwise(points):
        if before != after:
            direction = "up" if after > before else "down"
            metric = _risen(counters, service, direction, earlier_s, at_s)
            reason = f"scale {direction}: {metric or NOT_RECORDED}"
            changes.append(
                Decision(
                    at_s=at_s, zone=zone, service=service, before=before, after=after, reason=reason
                )
            )
    return changes


def _risen(
    counters: Sequence[dict[str, Any]], service: str, direction: str, from_s: float, to_s: float
) -> str:
    """The metric of the counter that rose between two scrapes; one that was not there was 0."""
    for counter in counters:
        labels = counter["metric"]
        if labels.get("service") != service or labels.get("direction") != direction:
            continue
        values = {float(at): float(value) for at, value in counter["values"]}
        if values.get(to_s, 0.0) > values.get(from_s, 0.0):
            return str(labels.get("metric", ""))
    return ""
