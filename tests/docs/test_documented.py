"""What users meet stands in the README."""

from pathlib import Path

import pytest

from insurectl.cli.app import COMMANDS
from insurectl.errors import EXIT_CODES, ExitCode

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"`{command}`" in README or f"insurectl {command}" in README


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_in_the_readmes_table(code: ExitCode) -> None:
    rows = [line for line in README.splitlines() if line.startswith("|")]
    assert any(row.split("|")[1].strip(" `") == str(int(code)) for row in rows), EXIT_CODES[code]


def test_every_exit_code_has_a_meaning() -> None:
    assert set(EXIT_CODES) == set(ExitCode)
