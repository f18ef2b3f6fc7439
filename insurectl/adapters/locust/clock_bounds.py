"""How far a worker's clock is from ours, as bounds that every message tightens.

A clock that was read between our sending and our hearing of it can't be further off than these
two are apart. No assumption on how long either way took is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

APART_S = 0.05  # where clocks differ, workers that are known less well may not begin together
BLURRED_S = 0.5  # half of the second that counts are kept by


@dataclass
class ClockBounds:
    """Theirs minus ours, in seconds: between ``low_s`` and ``high_s``."""

    low_s: float = float("-inf")
    high_s: float = float("inf")

    def read(self, theirs_s: float, *, heard_s: float, sent_s: float = float("-inf")) -> None:
        """Their clock showed this between our ``sent_s`` and our ``heard_s``."""
        self.low_s = max(self.low_s, theirs_s - heard_s)
        self.high_s = min(self.high_s, theirs_s - sent_s)


class Together(NamedTuple):
    """``offsets_s``: to add to our time for each worker's; ``problem``: why they would not begin
    together ("": they will)."""

    offsets_s: tuple[float, ...]
    problem: str


def together(bounds: Sequence[ClockBounds]) -> Together:
    """One offset for all where one explains all that was read: nodes whose clocks are set by the
    same source agree better than can be measured from outside. Else each its own."""
    low_s, high_s = max(one.low_s for one in bounds), min(one.high_s for one in bounds)
    if low_s <= high_s:
        unsure_s = (high_s - low_s) / 2
        problem = (
            ""
            if unsure_s <= BLURRED_S
            else f"the cluster answers so slowly that the start is only known within {unsure_s:.1f}"
            f" s (limit {BLURRED_S:g} s)"
        )
        return Together((low_s + unsure_s,) * len(bounds), problem)
    offsets = tuple((one.low_s + one.high_s) / 2 for one in bounds)
    unsure_s = max(one.high_s - one.low_s for one in bounds) / 2
    problem = (
        ""
        if unsure_s <= APART_S
        else f"the clocks of the workers' nodes differ by up to {max(offsets) - min(offsets):.2f} "
        f"s, which is only known within {unsure_s * 1000:.0f} ms (limit {APART_S * 1000:.0f} ms): "
        "they did not begin together; set the nodes' clocks (NTP)"
    )
    return Together(offsets, problem)
