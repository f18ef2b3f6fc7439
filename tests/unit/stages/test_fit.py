"""Pure over the records of a calibration."""

import pytest

from insurectl.errors import BadInput, NothingMeasured
from insurectl.records import Calibration, CapacityModel
from insurectl.stages.calibrate import calibrate
from insurectl.stages.fit import fit
from tests.fake_system import STARTS_S, FakeSystem, loop


def test_alone_it_gives_the_same_model_again_without_a_system(looped: FakeSystem) -> None:
    looped.target.up = None
    before = looped.runs.read(looped.run_id(), CapacityModel)
    assert fit(looped.world, looped.run_id()) == before
    assert looped.engine.jobs == []


def test_the_model_rests_on_the_runs_that_it_names(looped_once: FakeSystem) -> None:
    run_id = looped_once.run_id()
    model = looped_once.runs.read(run_id, CapacityModel)
    steps = looped_once.runs.read(run_id, Calibration).steps
    assert model.evidence == tuple(step.run_id for step in steps)
    assert model.startup_s.low <= STARTS_S + 0.15 <= model.startup_s.high
    assert model.memory_per_rps_mib.low <= 2.0 <= model.memory_per_rps_mib.high


def test_a_calibration_that_was_cut_short_may_be_too_little(system: FakeSystem) -> None:
    system.progress.raise_at = "step 3"
    with pytest.raises(KeyboardInterrupt):
        calibrate(system.deploy().world, loop())
    with pytest.raises(NothingMeasured, match="2 of 2 calibration steps"):
        fit(system.world, system.run_id())
    assert not system.runs.has(system.run_id(), CapacityModel)


def test_without_a_calibration_it_names_the_command_to_run_first(looped: FakeSystem) -> None:
    (looped.runs.folder(looped.run_id()) / "35-calibrate.json").unlink()
    with pytest.raises(BadInput, match="run `insurectl calibrate` first"):
        fit(looped.world, looped.run_id())
