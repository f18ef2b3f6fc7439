"""The insurers of one process: how each behaves now, and what each was asked to create."""

import asyncio
import random
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from uuid import UUID

from prometheus_client import Counter

from system.insurer_stub.domain import Behaviour, Reference, codes, usual

CREATED = Counter(
    "insurer_stub_created", "Applications an insurer took, repeats aside.", ["insurer"]
)
REPEATED = Counter("insurer_stub_repeated", "Applications an insurer had already.", ["insurer"])
REMEMBERED = 60_000  # about two minutes of the OSAGO peak: longer than any application runs


@dataclass
class Insurer:
    """One insurer. ``changed`` is set, and replaced, at each change of its behaviour."""

    code: str
    usual: Behaviour
    behaviour: Behaviour
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def become(self, behaviour: Behaviour) -> None:
        """Behave so from now on; whoever hangs in a freeze looks again."""
        self.behaviour = behaviour
        self.changed.set()
        self.changed = asyncio.Event()


class World:
    """All of them."""

    def __init__(self, insurers: int, seed: int) -> None:
        self.insurers = {
            code: Insurer(code, usual(number), usual(number))
            for number, code in enumerate(codes(insurers))
        }
        self._rng = random.Random(seed)
        self._created: OrderedDict[tuple[str, UUID], int] = OrderedDict()

    def create(self, insurer: Insurer, application: UUID) -> Reference:
        """The same again for the same application, for as long as anybody would repeat it. After
        a restart a repeat gets a reference of its own, to the same offer."""
        key = (insurer.code, application)
        ready_ms = self._created.get(key)
        if ready_ms is None:
            wait_ms = self.drawn_ms(insurer.behaviour.offer_ms, insurer.behaviour.cv)
            ready_ms = self._created[key] = int(time.time() * 1000 + wait_ms)
            CREATED.labels(insurer.code).inc()
            if len(self._created) > REMEMBERED:
                self._created.popitem(last=False)
        else:
            REPEATED.labels(insurer.code).inc()
        return Reference(insurer.code, application, ready_ms)

    def drawn_ms(self, mean_ms: float, cv: float) -> float:
        """A time from a gamma distribution."""
        if not mean_ms or not cv:
            return mean_ms
        shape = 1 / cv**2
        return self._rng.gammavariate(shape, mean_ms / shape)

    def happens(self, ratio: float) -> bool:
        """Whether this call is one of that share."""
        return ratio > 0 and self._rng.random() < ratio
