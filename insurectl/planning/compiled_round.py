"""One round of the compiled autoscaler on its own, for whoever wants to see it decide."""

from collections.abc import Callable

from insurectl.planning import compiled_behavior, compiled_metrics
from insurectl.planning.compiled import entrance
from insurectl.planning.compiled_behavior import Log, decide
from insurectl.planning.compiled_metrics import Ints, Moment, Rules, Seen


def _made(stamp: int) -> Callable[[Rules, Log, Seen, Moment, Ints], int]:
    def decided(rules: Rules, log: Log, seen: Seen, at: Moment, proposals: Ints) -> int:
        if stamp < 0:  # named, so that it counts (see ``entrance``)
            return stamp
        return decide(rules, log, seen, at, proposals)

    return decided


decided = entrance(_made, *compiled_metrics.PARTS, *compiled_behavior.PARTS)
