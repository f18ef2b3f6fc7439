"""What a worker elsewhere needs of a journey is packed, and nothing else."""

import io
import zipfile
from pathlib import Path
from random import Random

import pytest

from insurectl.adapters.locust import journey_bundle
from insurectl.errors import BadFile


def names(packed: bytes) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return set(archive.namelist())


def test_what_it_imports_goes_along(tmp_path: Path) -> None:
    (tmp_path / "kit").mkdir()
    files = {
        "peak.py": "import json\nfrom shared import card\nimport kit.parts",
        "shared.py": "import deeper",
        "deeper.py": "",
        "kit/__init__.py": "",
        "kit/parts.py": "",
        "other.py": "",
        "keys.txt": "secret",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    packed = journey_bundle.pack(tmp_path / "peak.py", b"{}")
    assert names(packed) == {"job.json", *files} - {"other.py", "keys.txt"}
    assert packed == journey_bundle.pack(tmp_path / "peak.py", b"{}")


def test_a_file_with_a_fault_goes_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "peak.py").write_text("def (")
    assert names(journey_bundle.pack(tmp_path / "peak.py", b"{}")) == {"job.json", "peak.py"}


def test_no_journey_and_too_much_of_it_are_bad_files(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="can't be read"):
        journey_bundle.pack(tmp_path / "none.py", b"{}")
    (tmp_path / "peak.py").write_text("")
    with pytest.raises(BadFile, match="a ConfigMap holds"):
        journey_bundle.pack(tmp_path / "peak.py", Random(1).randbytes(1_000_000))
