"""One measured figure beside its goal."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Figure:
    """``runs``: how many measurements ``value`` is the median of. ``note``: what stood in the
    way, or how it was measured."""

    goal: str
    what: str
    value: float
    unit: str
    wanted: float
    sense: Literal["max", "min"]
    runs: int
    note: str = ""

    @property
    def met(self) -> bool:
        """By the figure as it was measured."""
        return self.value <= self.wanted if self.sense == "max" else self.value >= self.wanted

    def line(self) -> str:
        """For people."""
        sign = "<=" if self.sense == "max" else ">="
        verdict = "met" if self.met else "MISSED"
        runs = f"{self.runs} run{'s' if self.runs != 1 else ''}"
        note = f"; {self.note}" if self.note else ""
        return (
            f"{self.goal:4} {verdict:6} {self.what}: {self.value:.4g} {self.unit} "
            f"(goal {sign} {self.wanted:g}; {runs}{note})"
        )
