"""What is missing is named, with the line that installs it."""

from pathlib import Path

import pytest

from insurectl.adapters import doctor


def test_a_missing_server_is_named_with_one_line_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", {"no-such-a": "package-a", "no-such-b": "package-b"})
    found = doctor.examine(tmp_path, tmp_path, {"PATH": ""})
    assert not found.healthy
    assert found.install == "apt-get install --no-install-recommends package-a package-b"


def test_folders_need_not_exist_yet(tmp_path: Path) -> None:
    found = doctor.examine(tmp_path / "x" / "y", tmp_path, {})
    assert next(check for check in found.checks if check.what == "folder of state").ok


def test_the_target_kind_needs_other_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    found = doctor.examine(tmp_path, tmp_path, {"PATH": ""}, "kind")
    missing = {check.what: check.fix for check in found.checks if not check.ok}
    assert set(missing) == {"helm", "kind", "Docker"}
    assert all(missing.values())
