"""A model, settings and traffic -> what the autoscaler would do; no system needed."""

from collections.abc import Sequence

from insurectl.planning.simulator import Simulation
from insurectl.planning.simulator import simulate as play
from insurectl.records import CapacityModel, Tuning


def simulate(
    trace_rates: Sequence[float], model: CapacityModel, tuning: Tuning, zones: int
) -> Simulation:
    """Play the traffic (requests a second, over all zones) against the model."""
    return play(trace_rates, model, tuning.of(model.service), zones=zones)
