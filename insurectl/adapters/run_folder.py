"""RunStore: one folder a run. The only file that knows the file names under ``reports/``.

A child run's id is its parent's, a dot and its own label; its folder is ``runs/<label>`` in
its parent's. Files are written beside and renamed, so a reader never sees half of one.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from insurectl.errors import BadFile, BadInput
from insurectl.records import (
    Calibration,
    CapacityModel,
    Change,
    Deployment,
    FailoverResult,
    LoadResult,
    Plan,
    Recommendation,
    RunInfo,
    RunRecords,
    Scenario,
    Timeline,
    Verdict,
)

Record = TypeVar("Record")

HEAD = "00-run.json"
SCENARIO_TEXT = "00-scenario.yaml"
CHILDREN = "runs"
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9][A-Za-z0-9_-]*)*")
FILES: dict[type[Any], tuple[str, str]] = {  # record -> file, and the command that makes it
    Scenario: ("05-scenario.json", "run"),
    Deployment: ("10-deploy.json", "deploy"),
    LoadResult: ("20-load.json", "load"),
    Timeline: ("30-observe.json", "observe"),
    Calibration: ("35-calibrate.json", "calibrate"),
    CapacityModel: ("40-fit.json", "fit"),
    Recommendation: ("50-recommend.json", "recommend"),
    Change: ("60-apply.json", "apply"),
    Verdict: ("70-verify.json", "verify"),
    FailoverResult: ("75-failover.json", "failover"),
    Plan: ("80-plan.json", "plan"),
}


class RunFolder:
    """All runs under one folder (``reports``)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def begin(self, info: RunInfo) -> Path:
        """A new run's folder; BadInput when the id is taken or can't be a folder's name."""
        folder = self._place(info.run_id)
        if info.parent is not None:
            self.folder(info.parent)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise BadInput(f"there is a run {info.run_id} in {self._root} already") from None
        self._write(folder / HEAD, info)
        return folder

    def folder(self, run_id: str) -> Path:
        """The run's folder; BadInput for an unknown run (it names the newest there are)."""
        folder = self._place(run_id)
        if not (folder / HEAD).is_file():
            known = ", ".join(self._top()[:5]) or "none yet"
            raise BadInput(f"there is no run {run_id!r} in {self._root}; the newest are: {known}")
        return folder

    def end(self, info: RunInfo) -> None:
        """Write the head again, with how it ended."""
        self._write(self.folder(info.run_id) / HEAD, info)

    def info(self, run_id: str) -> RunInfo:
        """The head of a run."""
        return _read(self.folder(run_id) / HEAD, RunInfo)

    def write(self, run_id: str, record: Any) -> Path:
        """Keep one record; a scenario's own text is kept beside it, comments and all."""
        folder = self.folder(run_id)
        path = folder / FILES[type(record)][0]
        self._write(path, record)
        if isinstance(record, Scenario) and Path(record.path).is_file():
            _replace(folder / SCENARIO_TEXT, Path(record.path).read_bytes())
        return path

    def read(self, run_id: str, kind: type[Record]) -> Record:
        """One record; BadInput names the command to run first when it is not there."""
        name, command = FILES[kind]
        path = self.folder(run_id) / name
        if not path.is_file():
            raise BadInput(
                f"run {run_id} has no {kind.__name__} ({name}): run `insurectl {command}` first, "
                "or name another run"
            )
        return _read(path, kind)

    def has(self, run_id: str, kind: type[Any]) -> bool:
        """Whether that record was written."""
        return (self.folder(run_id) / FILES[kind][0]).is_file()

    def children(self, run_id: str) -> tuple[str, ...]:
        """Run ids of its child runs, oldest first."""
        heads = (self.folder(run_id) / CHILDREN).glob(f"*/{HEAD}")
        infos = sorted((_read(head, RunInfo) for head in heads), key=_age)
        return tuple(info.run_id for info in infos)

    def records(self, run_id: str) -> RunRecords:
        """All that the folder holds, child runs too."""
        text = self.folder(run_id) / SCENARIO_TEXT
        return RunRecords(
            info=self.info(run_id),
            scenario_text=text.read_text(encoding="utf-8") if text.is_file() else None,
            deployment=self._find(run_id, Deployment),
            load=self._find(run_id, LoadResult),
            timeline=self._find(run_id, Timeline),
            calibration=self._find(run_id, Calibration),
            model=self._find(run_id, CapacityModel),
            recommendation=self._find(run_id, Recommendation),
            change=self._find(run_id, Change),
            verdict=self._find(run_id, Verdict),
            failover=self._find(run_id, FailoverResult),
            plan=self._find(run_id, Plan),
            children=tuple(self.records(child) for child in self.children(run_id)),
        )

    def write_files(self, run_id: str, files: Mapping[str, str]) -> tuple[Path, ...]:
        """Keep rendered files in the run's folder."""
        folder = self.folder(run_id)
        for name, text in files.items():
            _replace(folder / name, text.encode())
        return tuple(folder / name for name in files)

    def having(self, kind: type[Any]) -> tuple[str, ...]:
        """All top-level runs that have this record, newest first."""
        return tuple(run_id for run_id in self._top() if self.has(run_id, kind))

    def latest(self, kind: type[Any] | None = None) -> str:
        """The newest top-level run (that has this record)."""
        for run_id in self._top():
            if kind is None or self.has(run_id, kind):
                return run_id
        if kind is None:
            raise BadInput(f"there is no run in {self._root} yet; begin with `insurectl run`")
        raise BadInput(
            f"no run in {self._root} has a {kind.__name__}; run `insurectl {FILES[kind][1]}` first"
        )

    def _place(self, run_id: str) -> Path:
        if not RUN_ID.fullmatch(run_id):
            raise BadInput(f"{run_id!r} is no run id; they look like 20261124-021500-name-ab12")
        first, *labels = run_id.split(".")
        place = self._root / first
        for label in labels:
            place = place / CHILDREN / label
        return place

    def _top(self) -> list[str]:
        heads = self._root.glob(f"*/{HEAD}") if self._root.is_dir() else ()
        infos: list[RunInfo] = []
        for head in heads:
            with suppress(BadFile):  # a damaged run must not hide the others
                infos.append(_read(head, RunInfo))
        return [info.run_id for info in sorted(infos, key=_age, reverse=True)]

    def _find(self, run_id: str, kind: type[Record]) -> Record | None:
        return self.read(run_id, kind) if self.has(run_id, kind) else None

    def _write(self, path: Path, record: object) -> None:
        adapter = TypeAdapter[Any](type(record))
        _replace(path, adapter.dump_json(record, indent=2) + b"\n")


def _age(info: RunInfo) -> tuple[float, str]:
    return info.started_s, info.run_id


def _read(path: Path, kind: type[Record]) -> Record:
    try:
        content = from_json(path.read_bytes())
        wanted = getattr(kind, "schema", None)
        if isinstance(content, dict) and content.get("schema") != wanted:
            raise BadFile(path, f"its schema is {content.get('schema')!r}, wanted is {wanted!r}")
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadFile(path, f"{place}: {first['msg']}") from None
    except ValueError as error:
        raise BadFile(path, f"it is no JSON: {error}") from None


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
