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


class Event(Protocol):
    """One server-sent event."""

    @property
    def kind(self) -> str:
        """Its type; ``message`` where the server gave none."""

    @property
    def data(self) -> str:
        """Its text."""

    def json(self) -> Any:
        """The text's content; None for a text that is no JSON."""


class Streamed(Answer, Protocol):
    """An answer that came event by event."""

    @property
    def events(self) -> Sequence[Event]:
        """All of them, in the order in which they came."""


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

    def put(
        self,
        path: str,
        *,
        name: str,
        json: object,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Answer:
        """PUT a JSON body."""

    def delete(
        self,
        path: str,
        *,
        name: str,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Answer:
        """DELETE."""

    def stream(
        self,
        path: str,
        *,
        name: str,
        headers: Mapping[str, str] | None = None,
        until: str = "done",
        first: str = "offer",
        first_name: str | None = None,
        within_s: float = 65.0,
    ) -> Streamed:
        """Read server-sent events as they come, up to one of the type ``until``; failed when that
        does not come ``within_s``. ``first_name``: the time to the first event of the type
        ``first`` is kept under it, the time to the end under ``name``."""

    def poll(
        self,
        path: str,
        *,
        name: str,
        found: Callable[[Answer], bool],
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
        every_s: float = 1.0,
        within_s: float = 30.0,
    ) -> Answer:
        """GET it again and again until ``found`` says that it is there. Counted once, with the
        time that all of it took; failed when it is not found ``within_s``."""

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
    rounds, or its bounds; arrivals have none. ``operator``: who to be for what only operators
    may.
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
        token: Callable[[str, str], str] | None = None,
        operator: str = "load",
    ) -> None:
        self.http, self.data, self.partner_keys = http, data, partner_keys
        self._token, self.operator = token, operator
        self.run_id, self.seed, self.number = run_id, seed, 0
        self._rng: Random | None = None

    @property
    def rng(self) -> Random:
        """Chance of this arrival; made only where it is used, since making it takes time."""
        if self._rng is None:
            self._rng = Random(f"{self.seed}/{self.number}")
        return self._rng

    def prepare(self) -> None:
        """Once a run, before its load, in one process of all; a request that fails in it ends the
        run. None of its requests is counted."""

    def finish(self) -> None:
        """Once a run, after its load, however that ended; undo what ``prepare`` did."""

    def token(self, subject: str, role: Literal["customer", "operator"] = "customer") -> str:
        """Signed in as that customer (its client id) or operator (its name)."""
        if self._token is None:
            raise LookupError("this journey is played by nobody who could sign people in")
        return self._token(subject, role)

    def headers(
        self, subject: str, role: Literal["customer", "operator"] = "customer"
    ) -> dict[str, str]:
        """What a request of that person carries."""
        return {"Authorization": f"Bearer {self.token(subject, role)}"}

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
