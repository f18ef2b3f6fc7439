"""What `helm test` asks, of whatever the release holds; exit 1 with what did not answer rightly."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

PATIENCE_S = 60  # a scrape may be due only after a while
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# a client that there is not: the front has to ask its needs and the database to know
CARD = '{ clientCard(id: "00000000-0000-0000-0000-000000000000") { id } }'


def fetch(url, body=None):
    """The text of the answer; ValueError for another status than 200."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with WITHOUT_PROXY.open(request, timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        raise ValueError(f"{url} answers {error.code}: {error.read().decode()[:300]}") from None


def zone_is_well(gateway):
    fetch(f"{gateway}/health/zone")


def graphql_answers(entrance):
    answer = json.loads(fetch(f"{entrance}/graphql", {"query": CARD}))
    codes = [error.get("extensions", {}).get("code") for error in answer.get("errors", [])]
    if codes != ["NOT_FOUND"]:
        raise ValueError(f"{entrance}/graphql was asked for an unknown client, and says {answer}")


def targets_are_up(prometheus, services):
    answer = json.loads(fetch(f"{prometheus}/api/v1/targets?state=active"))
    targets = answer["data"]["activeTargets"]
    down = [f"{one['scrapeUrl']}: {one['lastError']}" for one in targets if one["health"] != "up"]
    if down:
        raise ValueError(f"Prometheus can't read {'; '.join(down)}")
    seen = {one["labels"].get("service", one["labels"]["job"]) for one in targets}
    missing = {"gateway", "agent", *services} - seen
    if missing:
        raise ValueError(f"Prometheus does not know of {', '.join(sorted(missing))}")


def checks(environment):
    """Name and call of each."""
    gateway, edge = environment.get("GATEWAY"), environment.get("EDGE")
    if gateway:
        yield "the zone is well", lambda: zone_is_well(gateway)
        yield "GraphQL answers through the gateway", lambda: graphql_answers(gateway)
    if prometheus := environment.get("PROMETHEUS"):
        services = environment["SERVICES"].split()
        yield "Prometheus reads all", lambda: targets_are_up(prometheus, services)
    if edge:
        stats = environment["EDGE_STATS"]
        yield "the edge is ready", lambda: fetch(f"{stats}/health/ready")
        yield "the edge has every zone", lambda: fetch(f"{stats}/health/zones")
        yield "GraphQL answers through the edge", lambda: graphql_answers(edge)


def within(patience_s, check):
    """What was wrong the last time, or an empty text."""
    end = time.monotonic() + patience_s
    while True:
        try:
            check()
        except (OSError, ValueError, KeyError) as error:
            if time.monotonic() > end:
                return f"{error}"
            time.sleep(2)
        else:
            return ""


def main():
    wrong = 0
    for name, check in checks(os.environ):
        reason = within(PATIENCE_S, check)
        print(
            f"{'FAILED' if reason else 'ok':6} {name}{': ' if reason else ''}{reason}", flush=True
        )
        wrong += bool(reason)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
