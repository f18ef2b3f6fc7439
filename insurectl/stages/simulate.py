"""A model, settings and traffic -> what the autoscaler would do; no system needed."""

from dataclasses import replace

from insurectl.planning.simulator import Traffic
from insurectl.planning.simulator import simulate as play
from insurectl.planning.tuner import plant_of
from insurectl.records import CapacityModel, Simulation, Tuning


def simulate(
    model: CapacityModel, tuning: Tuning, traffic: Traffic, *, scrape_s: float, seed: int
) -> Simulation:
    """Play the traffic against the model, once."""
    limited = replace(traffic, zone_rps=tuning.zone_rps)
    return play(plant_of(model, scrape_s), tuning.of(model.service), limited, seed)
