"""What a user gives is put into a query as it is, or refused."""

import pytest

from insurectl.adapters.prometheus_dialect import (
    Dialect,
    Matcher,
    parse_labels,
    parse_matchers,
)
from insurectl.adapters.prometheus_queries import DECIDED, DESIRED, QUERIES
from insurectl.errors import BadInput

MORE = Dialect(matchers=parse_matchers('cluster="prod"'))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", (), id="none"),
        pytest.param('a="b"', (("a", "=", "b"),), id="one"),
        pytest.param(
            'cluster="prod", namespace =~ "insure-.+",',
            (("cluster", "=", "prod"), ("namespace", "=~", "insure-.+")),
            id="two, with room and a comma at the end",
        ),
        pytest.param('a!="x,y}"', (("a", "!=", "x,y}"),), id="what looks like the end is a value"),
        pytest.param(r'a="say \"hi\" \\ \n"', (("a", "=", 'say "hi" \\ \n'),), id="escapes"),
        pytest.param(r'a="\u00e9\U0001F600"', (("a", "=", "é😀"),), id="characters by number"),
        pytest.param(r"a=~'\\d+'", (("a", "=~", r"\d+"),), id="single quotes"),
        pytest.param(r"a!~`\d+`", (("a", "!~", r"\d+"),), id="backticks have no escapes"),
    ],
)
def test_matchers_are_read(text: str, found: tuple[tuple[str, str, str], ...]) -> None:
    read = tuple((one.label, one.operator, one.value) for one in parse_matchers(text))
    assert read == found


@pytest.mark.parametrize("value", ["$w", "{zone", '"} or up{x="', "\\", "\x07\n", "é$service"])
def test_a_value_is_written_so_that_it_is_read_back_alike(value: str) -> None:
    one = Matcher(label="a", operator="=", value=value)
    assert parse_matchers(one.written()) == (one,)
    written = Dialect(matchers=(one,)).write("up$all", zone="z")
    assert written == f"up{{{one.written()}}}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("prod", "one of = != =~ !~", id="no operator"),
        pytest.param("a=prod", "a value in quotes", id="no quotes"),
        pytest.param('a="b" c="d"', "a comma", id="no comma"),
        pytest.param('{a="b"}', "the name of a label", id="with the braces"),
        pytest.param('a="b"} or up{c="d"', "a comma", id="an end that is none of ours"),
        pytest.param('a="b', "a value in quotes", id="quotes that don't close"),
        pytest.param('1a="b"', "the name of a label", id="no name"),
        pytest.param(r'a=~"\d+"', r"no escape", id="an escape that PromQL has not"),
        pytest.param(r'a="\U00110000"', r"no escape", id="no character"),
    ],
)
def test_matchers_that_can_not_be_read_are_refused(text: str, told: str) -> None:
    with pytest.raises(BadInput, match="prometheus_matcher") as refused:
        parse_matchers(text)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("service", "OURS=THEIRS", id="no pair"),
        pytest.param("servce=app", "OURS=THEIRS", id="none of ours"),
        pytest.param("service=my-app", "is no name of a label", id="no name"),
        pytest.param("service=", "is no name of a label", id="nothing"),
        pytest.param("service=a,service=b", "twice", id="twice"),
    ],
)
def test_labels_that_can_not_be_used_are_refused(text: str, told: str) -> None:
    with pytest.raises(BadInput, match="prometheus_labels") as refused:
        parse_labels(text)
    assert told in str(refused.value)


@pytest.mark.parametrize("template", [one.text for one in QUERIES] + [DESIRED, DECIDED])
def test_every_selector_of_every_query_has_the_matchers(template: str) -> None:
    plain = Dialect().write(template, zone="a", window_s=8)
    matched = MORE.write(template, zone="a", window_s=8)
    # as many as there are metrics in it; none where braces would be empty otherwise
    metrics = sum(template.count(part) for part in ("$all", "$and", "$services", "$api"))
    assert metrics > 0
    assert matched.count('cluster="prod"') == metrics
    assert matched.replace(',cluster="prod"', "").replace('{cluster="prod"}', "") == plain
    assert not (set("$") & set(plain.replace('"$1"', "")))


def test_a_job_without_a_name_is_left_out() -> None:
    dialect = Dialect(labels=parse_labels("job=,service=app"))
    assert dialect.write("up$services", zone="a") == "up"
    assert dialect.write("up{$api}", zone="a") == 'up{http_route!~"/health.*|/metrics"}'


@pytest.mark.parametrize(
    ("given", "labels", "read"),
    [
        pytest.param("", {"__name__": "up", "pod": "x"}, {"pod": "x"}, id="as they are"),
        pytest.param("service=app", {"app": "x"}, {"service": "x"}, id="another name"),
        pytest.param(
            "service=app", {"app": "x", "service": "exporter"}, {"service": "x"}, id="ours is taken"
        ),
        pytest.param(
            "service=container",
            {"container": "x"},
            {"service": "x", "container": "x"},
            id="one that has both meanings",
        ),
    ],
)
def test_labels_are_read_back(given: str, labels: dict[str, str], read: dict[str, str]) -> None:
    assert Dialect(labels=parse_labels(given)).read(labels) == read
