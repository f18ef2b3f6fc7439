"""What the autoscaler allows of a wish for replicas without ``behavior``, as in horizontal.go.

Only scaling down is stabilised, by the controller's own window; only scaling up is limited, by
the replicas of the moment and not by what was added lately.
"""

from insurectl.planning.hpa_behavior import HpaState, Limit, remember
from insurectl.planning.hpa_numbers import int32
from insurectl.planning.hpa_spec import Controller, Spec

FACTOR, LEAST = 2.0, 4.0


def stabilize(
    controller: Controller, state: HpaState, wanted: int, now_s: float
) -> tuple[int, HpaState]:
    """The highest wish of the window; one as old as the window still counts."""
    highest, slot = wanted, None
    for number, past in enumerate(state.recommendations):
        if now_s - past.at_s > controller.downscale_window_s:
            slot = number
        else:
            highest = max(highest, past.replicas)
    return highest, remember(state, slot, wanted, now_s)


def limit(spec: Spec, current: int, stable: int) -> tuple[int, Limit]:
    """Twice the replicas, or four."""
    allowed = int32(max(FACTOR * float(current), LEAST))
    ceiling = min(spec.max_replicas, allowed)
    if stable < spec.min_replicas:
        return spec.min_replicas, "TooFewReplicas"
    if stable > ceiling:
        return ceiling, "ScaleUpLimit" if spec.max_replicas > allowed else "TooManyReplicas"
    return stable, "DesiredWithinRange"
