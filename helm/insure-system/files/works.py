"""What `helm test` asks, of whatever the release holds; exit 1 with what did not answer rightly."""

import hashlib
import hmac
import json
import os
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

PATIENCE_S = 60  # a scrape may be due only after a while
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
CARD = "{ myCard { id } }"
OPERATOR = "helm-test"


def fetch(url, body=None, token=None, expected=200):
    """The text of the answer; ValueError for another status than was expected."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with WITHOUT_PROXY.open(urllib.request.Request(url, data, headers), timeout=10) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode()
    if status != expected:
        raise ValueError(f"{url} answers {status}: {text[:300]}")
    return text


def zone_is_well(gateway):
    fetch(f"{gateway}/health/zone")


def graphql_says(entrance, code, token=None):
    """Who has no token is told so by the status, too; what else is refused stands in a 200."""
    status = 200 if token else 401
    answer = json.loads(fetch(f"{entrance}/graphql", {"query": CARD}, token, status))
    codes = [error.get("extensions", {}).get("code") for error in answer.get("errors") or ()]
    if codes != [code]:
        raise ValueError(f"{entrance}/graphql was asked for a card, and says {answer}, not {code}")


def signed_in(gateway, key_file, who, name):
    """A token, as a person gets one: with the code that follows from the login key."""
    key = pathlib.Path(key_file).read_bytes().strip()
    code = hmac.new(key, name.encode(), hashlib.sha256).hexdigest()[:12]
    return json.loads(fetch(f"{gateway}/auth/token", {**who, "code": code}))["token"]


def customer_is_served(gateway, key_file):
    """Nobody has this id: core-app has to ask client-info, and that its database, to know."""
    stranger = f"{uuid.uuid4()}"
    token = signed_in(gateway, key_file, {"clientId": stranger}, stranger)
    graphql_says(gateway, "NOT_FOUND", token)


def operator_is_served(gateway, key_file, path):
    token = signed_in(gateway, key_file, {"operator": OPERATOR}, f"operator/{OPERATOR}")
    fetch(f"{gateway}{path}", token=token)


def redis_has_a_primary(prometheus):
    query = urllib.parse.quote('sum(redis_instance_info{role="master"})')
    found = json.loads(fetch(f"{prometheus}/api/v1/query?query={query}"))["data"]["result"]
    if not found or float(found[0]["value"][1]) < 1:
        raise ValueError(f"Prometheus sees no primary: {found}")


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


def of_people(gateway, environment):
    """Of who signs in: what needs the login key is left out where the release has none."""
    yield "GraphQL refuses who has no token", lambda: graphql_says(gateway, "UNAUTHENTICATED")
    key_file = environment.get("LOGIN_KEY_FILE")
    if not key_file:
        print("not checked: what people and operators see, since nobody is signed in here")
        return
    yield "the page is there", lambda: fetch(f"{gateway}/")
    yield "a customer signs in and is served", lambda: customer_is_served(gateway, key_file)
    for path in environment["OPERATOR_PATHS"].split():
        yield (
            f"an operator signs in and sees {path}",
            lambda path=path: operator_is_served(gateway, key_file, path),
        )


def checks(environment):
    """Name and call of each."""
    gateway, edge = environment.get("GATEWAY"), environment.get("EDGE")
    if gateway:
        yield "the zone is well", lambda: zone_is_well(gateway)
        yield from of_people(gateway, environment)
    if prometheus := environment.get("PROMETHEUS"):
        services = environment["SERVICES"].split()
        yield "Prometheus reads all", lambda: targets_are_up(prometheus, services)
        if "redis" in services:
            yield "Redis has a primary", lambda: redis_has_a_primary(prometheus)
    if edge:
        stats = environment["EDGE_STATS"]
        yield "the edge is ready", lambda: fetch(f"{stats}/health/ready")
        yield "the edge has every zone", lambda: fetch(f"{stats}/health/zones")
        yield "GraphQL answers through the edge", lambda: graphql_says(edge, "UNAUTHENTICATED")


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
