"""Calibration -> CapacityModel; pure over the records of the calibration and its child runs."""

from insurectl.planning.capacity import fit_capacity
from insurectl.ports import World
from insurectl.records import Calibration, CapacityModel, LoadResult


def fit(world: World, run_id: str) -> CapacityModel:
    """What one replica takes within the SLO, with intervals."""
    calibration = world.runs.read(run_id, Calibration)
    loads = tuple(world.runs.read(step.run_id, LoadResult) for step in calibration.steps)
    model = fit_capacity(calibration, loads, seed=world.runs.info(run_id).seed)
    world.runs.write(run_id, model)
    return model
