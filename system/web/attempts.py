"""How often somebody may try a code: a bucket a name, in this process."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

AT_ONCE = 10
EVERY_S = 6.0  # one more try
KEPT = 50_000  # names; the one longest untouched goes, and its bucket would be nearly full


class Attempts:
    """Right and wrong codes cost the same, so that a try tells nothing but its own answer."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> int:
        """0 when it may be tried now, else in how many seconds."""
        now_s = self._now()
        left, at_s = self._buckets.pop(name, (float(AT_ONCE), now_s))
        left = min(float(AT_ONCE), left + (now_s - at_s) / EVERY_S)
        allowed = left >= 1
        self._buckets[name] = (left - allowed, now_s)
        if len(self._buckets) > KEPT:
            self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1 - left) * EVERY_S))
