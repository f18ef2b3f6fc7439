from collections.abc import Callable
from pathlib import Path

import pytest

from insurectl.adapters import image_source
from insurectl.errors import TargetNotReady
from tests.fakes import ListProgress


def tree(folder: Path) -> Path:
    for name in ("system/Dockerfile", "insurectl/a.py", "scenarios/b.yaml",
                 "requirements/runtime.txt", "pyproject.toml", "README.md"):  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def write(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)

    return change


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param(write("README.md", "new"), True, id="what does not run"),
        pytest.param(write("insurectl/__pycache__/a.pyc", "x"), True, id="what Python keeps"),
        pytest.param(write("insurectl/a.py", "new"), False, id="code"),
        pytest.param(write("system/Dockerfile", "new"), False, id="the Dockerfile"),
        pytest.param(write("requirements/runtime.txt", "new"), False, id="packages"),
        pytest.param(write("scenarios/new.yaml", ""), False, id="a new file, though empty"),
        pytest.param(
            lambda folder: (folder / "insurectl/a.py").rename(folder / "insurectl/c.py"),
            False,
            id="another name",
        ),
    ],
)
def test_the_tag_changes_with_what_goes_into_the_images(
    tmp_path: Path, change: Callable[[Path], None], same: bool
) -> None:
    before = image_source.tag_of(tree(tmp_path))
    change(tmp_path)
    assert (image_source.tag_of(tmp_path) == before) is same


def test_the_tag_is_never_taken_for_a_number(tmp_path: Path) -> None:
    assert image_source.tag_of(tree(tmp_path)).startswith("src-")


def test_this_checkout_is_a_source_tree() -> None:
    source = image_source.source_tree()
    assert source is not None
    assert (source / "system" / "Dockerfile").is_file()


def test_an_installed_system_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "system").mkdir()
    (tmp_path / "system" / "Dockerfile").touch()
    monkeypatch.setattr(image_source, "system_folder", lambda: tmp_path / "system")
    assert image_source.source_tree() is None


def test_a_build_that_fails_says_its_last_lines_only() -> None:
    events = [{"stream": f"line {n}\n"} for n in range(40)] + [{"error": "code: 9"}]
    with pytest.raises(TargetNotReady) as told:
        image_source.follow(events, "no image", ListProgress())
    lines = f"{told.value}".splitlines()
    assert lines[0] == "no image:"
    assert lines[1:] == [*(f"line {n}" for n in range(26, 40)), "code: 9"]
