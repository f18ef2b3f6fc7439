"""Every value knows its line, and whatever is wrong is said with it."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insurectl.adapters.located_yaml import MAX_BYTES, Located, read
from insurectl.errors import BadFile, BadInput, ExitCode


def parse(folder: Path, text: str | bytes) -> Located:
    path = folder / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path)


def value(folder: Path, text: str) -> Located:
    """Of the key ``it``, on line 2."""
    return parse(folder, f"other: 1\nit: {text}").items()["it"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("a: 1\nb: [1, 2\nc: 3\n", 3, "no YAML: while parsing", id="bracket left open"),
        pytest.param("a: 1\n  b: 2\n", 2, "mapping values are not allowed", id="wrong indent"),
        pytest.param("a: 1\n\tb: 2\n", 2, "cannot start any token", id="tab"),
        pytest.param("a: *gone\n", 1, "undefined alias", id="alias of nothing"),
        pytest.param("a: 1\n---\nb: 2\n", 2, "another document", id="two documents"),
        pytest.param("a: 1\nb: \x00\n", 2, "character 0", id="NUL"),
        pytest.param('a: "\\UFFFFFFFF"\n', None, "no YAML", id="no such character"),
        pytest.param("", None, "empty", id="empty"),
        pytest.param("# only talk\n", None, "empty", id="only a comment"),
        pytest.param("[" * 5000, None, "nested too deeply", id="nested"),
        pytest.param(b"a: 1\nb: \x89PNG\xff", 2, "byte 0x89 is not UTF-8", id="binary"),
        pytest.param(bytes(range(128, 256)) * 8192, None, "larger than 256 KiB", id="1 MiB"),
        pytest.param("a: 1\n" * (MAX_BYTES // 4), None, "larger than 256 KiB", id="too large"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(
    tmp_path: Path, text: str | bytes, line: int | None, message: str
) -> None:
    with pytest.raises(BadFile, match=message) as caught:
        parse(tmp_path, text)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{tmp_path}/file.yaml{f':{line}' if line else ''}: ")
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="a folder"),
        pytest.param("absent.yaml", id="absent"),
        pytest.param("n" * 300, id="a name too long"),
    ],
)
def test_a_file_that_can_not_be_read_is_bad_input(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="can't be read"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param("!!python/object/apply:os.system [exit 1]", id="would run a program"),
        pytest.param("!!python/name:os.system", id="would import"),
        pytest.param("!mine 5", id="local"),
        pytest.param("!!binary aGVsbG8=", id="binary"),
        pytest.param("!!set {a, b}", id="set"),
    ],
)
def test_a_tag_makes_no_object_but_an_error(tmp_path: Path, tag: str) -> None:
    with pytest.raises(BadFile, match="has no meaning here") as caught:
        value(tmp_path, tag)
    assert caught.value.line == 2


def test_anchors_and_aliases_are_plain_repetition(tmp_path: Path) -> None:
    found = parse(tmp_path, "a: &x {n: 1}\nb: *x").items()
    assert found["a"].items()["n"].number() == found["b"].items()["n"].number()


def test_a_structure_within_itself_is_just_not_what_was_wanted(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="wanted is a text"):
        next(value(tmp_path, "&x [*x]").list()).text()


def test_a_key_of_doubling_aliases_costs_nothing(tmp_path: Path) -> None:
    doubling = "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    with pytest.raises(BadFile, match="wanted is a text, there is a list") as caught:
        parse(tmp_path, f"a0: &a0 [x]\n{doubling}? *a59\n: 1\n").items()
    assert caught.value.line is not None


# ---- maps ----


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("rate: 1\nrtae: 2", 2, "no key 'rtae'; did you mean rate", id="unknown, near"),
        pytest.param("rate: 1\nx: 2", 2, "no key 'x'; there are: rate, name", id="unknown, far"),
        pytest.param("rate: 1\nname: a\nrate: 2", 3, "rate: it is there twice", id="twice"),
        pytest.param("name: a", 1, "rate is missing", id="missing"),
        pytest.param("- rate", 1, "there is a list", id="a list"),
        pytest.param("rate", 1, "there is 'rate'", id="a text"),
        pytest.param(
            "rate: 1\n? \n: 2", 2, "wanted is a text, there is nothing", id="key of nothing"
        ),
        pytest.param("rate: 1\n? {a: b}\n: 2", 2, "there is a map", id="a map as key"),
        pytest.param("rate: 1\n<<: {name: a}", 2, "no key '<<'", id="merge key"),
        pytest.param('rate: 1\n"\\0": 2', 2, "can't be printed", id="NUL in a key"),
    ],
)
def test_keys_are_checked(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(BadFile, match=message) as caught:
        parse(tmp_path, text).fields(("rate", "name"), ("rate",))
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "which"),
    [
        pytest.param("{a: 1, b: 2}", "there are a and b", id="both"),
        pytest.param("{c: 1}", "there is none", id="none"),
    ],
)
def test_exactly_one_of_some_keys(tmp_path: Path, text: str, which: str) -> None:
    fields = value(tmp_path, text).fields(("a", "b", "c"))
    with pytest.raises(BadFile, match=which):
        fields.just_one("a", "b")


def test_an_item_is_named_by_its_place(tmp_path: Path) -> None:
    items = value(tmp_path, "\n- {n: 1}\n- {n: x}").list()
    second = list(items)[1].items()["n"]
    with pytest.raises(BadFile, match=r"file.yaml:4: it\[1\].n: 'x' is no number"):
        second.number()


@pytest.mark.parametrize("text", ["[]", "5", "{a: 1}", ""])
def test_a_list_has_items(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadFile, match="wanted is a list with at least one item"):
        list(value(tmp_path, text).list())


# ---- single values ----


@pytest.mark.parametrize(
    ("text", "take", "message"),
    [
        pytest.param("-1", Located.number, "at least 0", id="negative"),
        pytest.param(".nan", Located.number, "not finite", id="YAML's nan"),
        pytest.param("nan", Located.number, "not finite", id="nan"),
        pytest.param("-inf", Located.number, "not finite", id="inf"),
        pytest.param("1e400", Located.number, "not finite", id="too large for a float"),
        pytest.param("ten", Located.number, "'ten' is no number", id="word"),
        pytest.param("yes", Located.number, "'yes' is no number", id="boolean"),
        pytest.param("[1]", Located.number, "there is a list", id="list"),
        pytest.param("", Located.number, "there is nothing", id="nothing"),
        pytest.param("x" * 100, Located.number, r"'x{57}\.\.\.' is no number", id="shortened"),
        pytest.param("0", Located.positive, "more than 0", id="zero"),
        pytest.param("1e-300", Located.positive, "more than 0", id="next to zero"),
        pytest.param("1.5", Located.whole, "no whole number", id="fraction"),
        pytest.param("1e300", Located.whole, "from 0 to 9007199254740992", id="not exact"),
        pytest.param("30", Located.seconds, "write it as", id="no unit"),
        pytest.param("-5s", Located.seconds, "write it as", id="negative duration"),
        pytest.param("5 s", Located.seconds, "write it as", id="a space"),
        pytest.param("25h", Located.seconds, "too long, the most is 86400s", id="beyond a day"),
        pytest.param("9" * 400 + "h", Located.seconds, "too long", id="beyond all days"),
        pytest.param("500ms", Located.whole_seconds, "whole seconds", id="part of a second"),
        pytest.param("''", Located.text, "wanted is a text", id="empty text"),
        pytest.param('"a\\0b"', Located.text, "can't be printed", id="NUL"),
        pytest.param('"\\uD800"', Located.text, "can't be printed", id="half a character"),
        pytest.param("-.INF", Located.scalar, "not finite", id="YAML's inf"),
        pytest.param("1" * 400, Located.scalar, "not finite", id="a number of 400 digits"),
    ],
)
def test_a_value_that_can_not_be_used_says_why(
    tmp_path: Path, text: str, take: Callable[[Located], object], message: str
) -> None:
    with pytest.raises(BadFile, match=message) as caught:
        take(value(tmp_path, text))
    assert caught.value.line == 2


def test_a_duration_that_has_to_pass_is_not_zero(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="longer than 0s"):
        value(tmp_path, "0.1ms").seconds(positive=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30.0), ("1.5m", 90.0), ("24h", 86400.0), ("0s", 0.0)],
)
def test_durations(tmp_path: Path, text: str, seconds: float) -> None:
    assert value(tmp_path, text).seconds() == seconds


@pytest.mark.parametrize(
    ("text", "scalar"),
    [
        pytest.param("5", 5, id="whole"),
        pytest.param("0.5", 0.5, id="fraction"),
        pytest.param("'5'", "5", id="quoted"),
        pytest.param("word", "word", id="text"),
        pytest.param("12:30", "12:30", id="a time, not 750"),
        pytest.param("!!int word", "word", id="a wrong tag"),
        pytest.param("!!int '[a, b'", "[a, b", id="a wrong tag on what is no YAML"),
        pytest.param("true", "true", id="boolean"),
    ],
)
def test_a_scalar_is_a_number_where_it_is_one(
    tmp_path: Path, text: str, scalar: str | float
) -> None:
    found = value(tmp_path, text).scalar()
    assert found == scalar
    assert type(found) is type(scalar)


@given(st.floats(min_value=0, allow_infinity=False))
def test_every_finite_number_is_read_as_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, number: float
) -> None:
    found = value(tmp_path_factory.mktemp("yaml"), repr(number)).number()
    assert math.isfinite(found)
    assert found == number


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_whatever_is_in_the_file_is_read_or_bad_input(
    tmp_path_factory: pytest.TempPathFactory, content: str | bytes
) -> None:
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    assert "file.yaml" in told(tmp_path_factory.mktemp("yaml"), raw)


def told(folder: Path, content: bytes) -> str:
    """What is wrong with a file, or which it is."""
    try:
        return str(parse(folder, content).fields(()).place.path)
    except BadInput as error:
        return str(error)
