"""What a scenario's file may count on: the same seed gives the same arrivals the same data."""

from collections import Counter
from random import Random
from typing import Any, cast

import pytest

from insurectl.scenario import Http, Journey, feeder, task

NAMES = feeder(["Anna", "Boris", "Clara"])
IN_TURN = feeder(["Anna", "Boris", "Clara"], order="in turn")


class Person(Journey):
    def __init__(self, **others: Any) -> None:
        super().__init__(cast("Http", None), data={}, partner_keys=(), run_id="run", **others)
        self.done: list[str] = []

    @task(weight=3)
    def look(self) -> None:
        self.done.append("look")

    @task()
    def buy(self) -> None:
        self.done.append("buy")


class Patient(Person):
    think_s = (1.0, 2.0)

    @task(weight=9)
    def buy(self) -> None:
        self.done.append("buy it all")


def days(person: Person, numbers: range) -> list[tuple[str, str]]:
    found = []
    for number in numbers:
        person.arrive(number)
        person.play()
        found.append((person.done[-1], NAMES.take(person)))
    return found


def test_an_arrival_is_the_same_whoever_plays_it() -> None:
    whole = days(Person(seed=7), range(20))
    assert days(Person(seed=7), range(10)) + days(Person(seed=7), range(10, 20)) == whole
    assert days(Person(seed=8), range(20)) != whole


def test_tasks_are_done_by_their_weight() -> None:
    done = Counter(what for what, _ in days(Person(seed=7), range(2000)))
    assert done["look"] / done["buy"] == pytest.approx(3, rel=0.2)


def test_a_task_of_a_parent_may_be_done_otherwise() -> None:
    assert Patient.tasks == (("look", 3), ("buy", 9))
    assert {what for what, _ in days(Patient(seed=7), range(50))} == {"look", "buy it all"}


def test_a_feeder_in_turn_goes_by_the_arrival() -> None:
    person, taken = Person(seed=7), []
    for number in (0, 1, 2, 3):
        person.arrive(number)
        taken.append(IN_TURN.take(person))
    assert taken == ["Anna", "Boris", "Clara", "Anna"]


def test_a_pause_is_fixed_or_drawn_between_its_bounds() -> None:
    assert Person(seed=7).think() == 1.0
    patient = Patient(seed=7)
    assert patient.think() == Random("7/0").uniform(1.0, 2.0)


def test_a_feeder_without_items_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one item"):
        feeder([])
