"""A journey is found in its file; if not, the message says where it is wrong."""

import sys
from pathlib import Path

import pytest

from insurectl.adapters.locust.journey_file import load, problem
from insurectl.errors import BadFile

GOOD = """from insurectl.scenario import Journey, task

class Base(Journey):
    pass

class Buyer(Base):
    @task(3)
    def buy(self) -> None: ...
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [*sys.path])  # it adds the file's folder
    return tmp_path / "journey.py"


def test_the_one_journey_with_a_task_is_found(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    assert load(file).__name__ == "Buyer"


def test_a_journey_may_import_what_stands_beside_it(file: Path) -> None:
    file.with_name("beside_the_journey.py").write_text("NAME = 'beside'", encoding="utf-8")
    file.write_text(f"{GOOD}\nfrom beside_the_journey import NAME\nBuyer.name = NAME\n", "utf-8")
    assert load(file).name == "beside"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "exactly one Journey .* it has none", id="nothing"),
        pytest.param("from insurectl.scenario import Journey", "it has none", id="an import only"),
        pytest.param(f"{GOOD}\nclass Other(Buyer): ...", "it has Buyer, Other", id="two"),
        pytest.param("x = 1\ny = (", r"journey.py:2: SyntaxError: '\(' was never closed",
                     id="no Python"),
        pytest.param("x = 1\nimport nowhere", "journey.py:2: ModuleNotFoundError: .*'nowhere'",
                     id="an import that is not there"),
        pytest.param("x = 1\n\n1 / 0", "journey.py:3: ZeroDivisionError", id="falls over"),
        pytest.param("from insurectl.scenario import task\n@task(weight=0)\ndef f(): ...",
                     r"journey.py:2: ValueError: weight: 0 .*\(in scenario.py, line \d+\)",
                     id="falls over in what it called"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(file: Path, text: str, message: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadFile, match=message):
        load(file)


def test_a_fault_in_a_file_beside_it_is_told_with_that_files_line(file: Path) -> None:
    file.with_name("faulty.py").write_text("x = 1\nif x\n", encoding="utf-8")
    file.write_text("\nimport faulty\n", encoding="utf-8")
    with pytest.raises(BadFile, match=r"journey.py:2: SyntaxError: .*\(in faulty.py, line 2\)"):
        load(file)


def test_a_file_that_is_not_there_is_bad_input(file: Path) -> None:
    with pytest.raises(BadFile, match="can't be read: No such file"):
        load(file)


def test_a_file_of_another_kind_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"Python file \(.py\)"):
        load(tmp_path / "journey.yaml")


def test_an_error_from_elsewhere_has_no_line(file: Path) -> None:
    assert str(problem(file, ValueError("odd"))) == f"{file}: ValueError: odd"
