"""insurectl as it is typed, in a world of fakes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from insurectl.cli import app
from insurectl.ports import Progress, World
from insurectl.settings import Settings
from tests.fake_system import FakeSystem


@dataclass(frozen=True)
class Said:
    """How a call ended, and what it wrote."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Said]


@pytest.fixture
def insurectl(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """``insurectl(system, "status", ...)``."""
    monkeypatch.chdir(tmp_path)

    def call(system: FakeSystem, *arguments: str) -> Said:
        def connect(settings: Settings, progress: Progress) -> World:
            return replace(system.world, progress=progress)

        code = app.run(list(arguments), connect)
        streams = capsys.readouterr()
        return Said(code, streams.out, streams.err)

    return call
