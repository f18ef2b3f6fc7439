"""A world without anything deployed, and one that the whole loop has gone through."""

import shutil
from pathlib import Path

import pytest

from insurectl.ports import DeployPlan
from insurectl.stages.run import run
from tests.fake_system import FakeSystem, Files, loop


@pytest.fixture
def system(tmp_path: Path) -> FakeSystem:
    return FakeSystem(tmp_path)


@pytest.fixture(scope="session")
def looped_once(tmp_path_factory: pytest.TempPathFactory) -> FakeSystem:
    system = FakeSystem(tmp_path_factory.mktemp("loop"))
    run(system.world, loop(), DeployPlan(name="default"))
    return system


@pytest.fixture
def looped(tmp_path: Path, looped_once: FakeSystem) -> FakeSystem:
    """A copy of it, to be gone on with."""
    shutil.copytree(looped_once.folder, tmp_path, dirs_exist_ok=True)
    system = FakeSystem(tmp_path)
    system.clock.at_s = looped_once.clock.at_s
    system.target.up = looped_once.target.up
    return system


@pytest.fixture
def files() -> Files:
    """What the one run of a system keeps."""

    def found(system: FakeSystem) -> set[str]:
        folder = system.runs.folder(system.run_id())
        return {path.name for path in folder.iterdir()}

    return found
