"""What a round of the autoscaler ends with: replicas, and conditions as in the object's status."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from insurectl.planning.hpa_metrics import Proposal

About = Literal["AbleToScale", "ScalingActive", "ScalingLimited"]


@dataclass(frozen=True, kw_only=True)
class Condition:
    about: About
    holds: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One round. ``metric`` won among the proposals; ``reason`` is the condition that tells most
    of it. ``conditions``: those that this round set, one of each type; the others stay as they
    were. ``measured``: what ``currentMetrics`` shows."""

    desired: int
    reason: str
    metric: str | None = None
    proposals: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    measured: Mapping[str, Proposal] = field(default_factory=dict)

    def instead(self, condition: Condition) -> "Decision":
        """With this condition in the place of the one of its type."""
        rest = (one for one in self.conditions if one.about != condition.about)
        return replace(self, conditions=(condition, *rest))


def able(reason: str, *, holds: bool = True) -> Condition:
    return Condition(about="AbleToScale", holds=holds, reason=reason)


def active(reason: str, *, holds: bool = True) -> Condition:
    return Condition(about="ScalingActive", holds=holds, reason=reason)


def limited(reason: str, *, holds: bool) -> Condition:
    return Condition(about="ScalingLimited", holds=holds, reason=reason)


def combine(
    measured: Mapping[str, Proposal], failed: int, current: int
) -> tuple[str | None, int | None]:
    """The metric that asks for most, and its replicas: None where nothing may be decided. Of equals
    the first wins, but a 0 gives way to whatever follows, as the controller takes it for unset."""
    winner, replicas = None, 0
    for name, proposal in measured.items():
        if replicas == 0 or proposal.replicas > replicas:
            winner, replicas = name, proposal.replicas
    if not measured or (failed and replicas < current):
        return winner, None
    return winner, replicas
