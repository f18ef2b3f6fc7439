"""Public names for the files in ``scenarios/``: a Journey is what one arrival does.

    class Peak(Journey):
        @task(weight=3)
        def look(self) -> None:
            self.http.get("/offers", name="offers")

Nothing here says which load generator plays it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

Value = str | int | float
T = TypeVar("T")
TaskMethod = TypeVar("TaskMethod", bound=Callable[..., None])
_WEIGHT = "_task_weight"


class Answer(Protocol):
    """What came back. It failed if there is a ``failure``: a status of 400 or more that was not
    asked for, no answer at all, or what ``fail`` was told."""

    @property
    def status(self) -> int:
        """0: there was no answer."""

    @property
    def failure(self) -> str | None:
        """Why it counts as failed; None: it did not fail."""

    @property
    def text(self) -> str:
        """The body."""

    def header(self, name: str) -> str | None:
        """One header, in whatever case; None: it is not there."""

    def json(self) -> Any:
        """The body's content; None for a body that is no JSON."""

    def fail(self, reason: str) -> None:
        """Count it as failed, for a reason that only the journey knows."""


class Http(Protocol):
    """The connection of one arrival. ``name``: what its figures are kept under. ``accept``:
    statuses from 400 up that are no failure here."""

    def get(
        self,
        path: str,
        *,
        name: str,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Answer:
        """GET."""

    def post(
        self,
        path: str,
        *,
        name: str,
        json: object,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Answer:
        """POST a JSON body."""

    def graphql(
        self,
        query: str,
        *,
        name: str,
        variables: Mapping[str, object] | None = None,
        path: str = "/graphql",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The answer's ``data``; None when it failed, as it also does by its ``errors``."""


def task(weight: int = 1) -> Callable[[TaskMethod], TaskMethod]:
    """One thing that an arrival may do; ``weight``: how often, among the journey's tasks."""
    if weight < 1:
        raise ValueError(f"weight: {weight} is less than 1")

    def mark(method: TaskMethod) -> TaskMethod:
        setattr(method, _WEIGHT, weight)
        return method

    return mark


@dataclass(frozen=True)
class Feeder(Generic[T]):
    """Hands out items; the same seed hands out the same, over any number of processes."""

    items: Sequence[T]
    order: Literal["random", "in turn"]

    def take(self, journey: "Journey") -> T:
        """The item of this arrival."""
        if self.order == "random":
            return journey.rng.choice(self.items)
        return self.items[journey.number % len(self.items)]


def feeder(items: Sequence[T], order: Literal["random", "in turn"] = "random") -> Feeder[T]:
    """Data for journeys: ``random`` draws with putting back, ``in turn`` goes by arrival."""
    if not items:
        raise ValueError("a feeder needs at least one item")
    return Feeder(items, order)


class Journey:
    """One arrival (open model), or one round of a user (closed model).

    ``number`` counts arrivals over all processes; ``rng`` depends on it and on ``seed`` alone,
    so a run can be repeated. ``run_id`` differs between two runs with the same seed: use it
    where the system must not take them for one. ``think_s``: a user's pause between two
    rounds, or its bounds; arrivals have none.
    """

    think_s: float | tuple[float, float] = 1.0
    tasks: ClassVar[tuple[tuple[str, int], ...]] = ()

    def __init_subclass__(cls) -> None:
        found = {
            name: getattr(member, _WEIGHT)
            for place in reversed(cls.__mro__)
            for name, member in vars(place).items()
            if hasattr(member, _WEIGHT)
        }
        cls.tasks = tuple(found.items())

    def __init__(
        self,
        http: Http,
        *,
        data: Mapping[str, Value],
        partner_keys: Sequence[str],
        run_id: str,
        seed: int,
    ) -> None:
        self.http, self.data, self.partner_keys = http, data, partner_keys
        self.run_id, self.seed, self.number = run_id, seed, 0
        self._rng: Random | None = None

    @property
    def rng(self) -> Random:
        """Chance of this arrival; made only where it is used, since making it takes time."""
        if self._rng is None:
            self._rng = Random(f"{self.seed}/{self.number}")
        return self._rng

    def arrive(self, number: int) -> None:
        """Begin anew, as another arrival."""
        self.number, self._rng = number, None

    def play(self) -> None:
        """Do one of the tasks."""
        if len(self.tasks) == 1:
            name = self.tasks[0][0]
        else:
            names, weights = zip(*self.tasks, strict=True)
            name = self.rng.choices(names, weights)[0]
        getattr(self, name)()

    def think(self) -> float:
        """This round's pause (s)."""
        if isinstance(self.think_s, tuple):
            return self.rng.uniform(*self.think_s)
        return self.think_s
