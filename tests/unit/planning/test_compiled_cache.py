"""What is kept on disk is made again when anything has changed that it was made of."""

from collections.abc import Callable
from types import FunctionType
from typing import NamedTuple

import pytest

from insurectl.planning import compiled_behavior
from insurectl.planning.compiled import compiled, entrance

FACTOR, FIELDS = 2.0, NamedTuple("FIELDS", [("one", int), ("other", int)])


def doubled(value: float) -> float:
    return FIELDS(1, 2).one * FACTOR * value


def stamp(*parts: object) -> int:
    """As the entrance gives it to what it makes."""
    given: list[int] = []

    def make(number: int) -> Callable[[], int]:
        given.append(number)
        return lambda: number

    entrance(make, *parts)
    return given[0]


def with_globals(**changed: object) -> FunctionType:
    return FunctionType(doubled.__code__, {**globals(), **changed})


def test_the_same_parts_have_the_same_stamp() -> None:
    assert stamp(doubled) == stamp(with_globals()) == stamp(compiled(doubled))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(with_globals(FACTOR=3.0), id="a constant"),
        pytest.param(
            with_globals(FIELDS=NamedTuple("FIELDS", [("other", int), ("one", int)])), id="fields"
        ),
        pytest.param(stamp, id="another function"),
    ],
)
def test_whatever_changes_changes_the_stamp(other: object) -> None:
    assert stamp(doubled) != stamp(other)


def test_a_constant_of_the_kernel_changes_the_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    before = stamp(*compiled_behavior.PARTS)
    monkeypatch.setattr(compiled_behavior, "FACTOR", 3.0)
    assert stamp(*compiled_behavior.PARTS) != before
