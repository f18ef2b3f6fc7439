"""A scenario's own faults: zones taken away and given back while it plays, at its times."""

import threading
from collections.abc import Sequence

from insurectl.errors import InsurectlError
from insurectl.ports import World
from insurectl.records import PlannedFault


class TimedFaults:
    """Told how far the load is, once a second, it begins and ends what is due by then. Each fault
    has a thread of its own, since a zone takes seconds to come back and the load goes on."""

    def __init__(self, world: World, planned: Sequence[PlannedFault]) -> None:
        self._faults = [_TimedFault(world, one) for one in planned]

    def passed(self, elapsed_s: float) -> None:
        """So long has load been played. Raises what went wrong with a fault, which ends it."""
        for fault in self._faults:
            fault.passed(elapsed_s)

    def finish(self) -> None:
        """The load is over: what has not begun never does, what has an end is given back now."""
        for fault in self._faults:
            fault.due_back.set()
        for fault in self._faults:
            fault.join()


class _TimedFault:
    def __init__(self, world: World, planned: PlannedFault) -> None:
        self._world, self._planned = world, planned
        self.due_back = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: InsurectlError | None = None

    def passed(self, elapsed_s: float) -> None:
        planned = self._planned
        if self._thread is None and elapsed_s >= planned.at_s:
            self._thread = threading.Thread(target=self._play, name=f"fault-{planned.zone}")
            self._thread.start()
        if planned.until_s is not None and elapsed_s >= planned.until_s:
            self.due_back.set()
        self._raise()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()
        self._raise()

    def _play(self) -> None:
        planned, world = self._planned, self._world
        try:
            world.target.inject(planned.kind, planned.zone, world.progress)
            if planned.until_s is not None:
                self.due_back.wait()
                world.target.restore(planned.zone, world.progress)
        except InsurectlError as error:
            self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
