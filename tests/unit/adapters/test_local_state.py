"""What lies in a system's folder, and what may be wrong with it."""

from pathlib import Path

import pytest

from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadFile, BadInput, TargetNotReady


def test_without_a_record_nothing_is_deployed(tmp_path: Path) -> None:
    with pytest.raises(TargetNotReady, match="no system 'mine' is deployed here"):
        LocalState(tmp_path / "mine").deployment()


@pytest.mark.parametrize("text", ["", "{", "{}", '{"schema": "of another version"}'])
def test_a_record_that_can_not_be_read_says_the_way_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "deployment.json").write_text(text)
    with pytest.raises(BadFile, match=r"deployment\.json: .*insurectl destroy, then deploy"):
        LocalState(tmp_path).deployment()


def test_a_folder_below_a_file_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = LocalState(tmp_path / "file" / "mine")
    for use in (state.make, state.deployment):
        with pytest.raises(BadInput, match=r"Not a directory; set INSURECTL_STATE"):
            use()
