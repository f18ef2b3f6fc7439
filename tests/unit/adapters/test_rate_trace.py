"""Traces as people have them, and what is said of those that can't be used."""

from pathlib import Path

import pytest

from insurectl.adapters.rate_trace import read
from insurectl.errors import BadInput


def written(folder: Path, text: str, name: str = "day.txt") -> Path:
    path = folder / name
    path.write_text(text)
    return path


TEN = "\n".join(f"{number}" for number in range(10))
CSV = "\n".join(f"{60 * number},{number}" for number in range(10))


def test_a_value_a_line_holds_for_a_step(tmp_path: Path) -> None:
    found = read(written(tmp_path, TEN + "\n"), step_s=2, scale=10.0)
    assert found.rates.tolist()[:6] == [0.0, 0.0, 10.0, 10.0, 20.0, 20.0]
    assert len(found.rates) == 20


@pytest.mark.parametrize("header", ["", "time,rate\n"])
def test_csv_says_its_step(tmp_path: Path, header: str) -> None:
    found = read(written(tmp_path, header + CSV))
    assert (found.step_s, len(found.rates), found.rates[60]) == (60, 600, 1.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "the trace is empty", id="empty"),
        pytest.param("1\n2\n", "has 2 values; give 10 or more", id="two points"),
        pytest.param(TEN.replace("5", ""), "day.txt:6: there is a gap", id="a gap"),
        pytest.param(TEN.replace("5", "nan"), "day.txt:6: 'nan' is no finite rate", id="nan"),
        pytest.param(TEN.replace("5", "inf"), "no finite rate", id="infinite"),
        pytest.param(TEN.replace("5", "-5"), "day.txt:6: '-5' can't be a rate", id="negative"),
        pytest.param(TEN.replace("5", "five"), "day.txt:6: 'five' is no rate", id="no number"),
        pytest.param("0\n" * 20, "every rate of the trace is 0", id="all zero"),
        pytest.param("1e12\n" * 20, "peak is 1e\\+12/s; the most is", id="too high"),
        pytest.param(CSV.replace("300,", "310,"), "day.txt:6: there is a gap: 70 s", id="csv: gap"),
        pytest.param(
            CSV.replace("300,", "240,"), "6: times have to rise evenly: 0 s", id="csv: twice"
        ),
        pytest.param(CSV.replace("300,", "x,"), "day.txt:6: 'x' is no time", id="csv: no time"),
        pytest.param(CSV.replace("300,5", "300,5,1"), "has 3 columns", id="csv: columns"),
        pytest.param(CSV.replace("300,5", "300,"), "there is a gap: the line has", id="blank"),
        pytest.param("time,rate\n0,1\n60,2", "has 2 values", id="csv: two points"),
        pytest.param(
            "\n".join(f"{number / 2},1" for number in range(10)), "0.5 s apart", id="csv: half"
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_named_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        read(written(tmp_path, text))


def test_one_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="lasts 36000000 s; the most is"):
        read(written(tmp_path, "1\n" * 10_000), step_s=3600)


def test_what_was_typed_beside_it_has_to_fit(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the scale is 0"):
        read(written(tmp_path, TEN), scale=0.0)
    with pytest.raises(BadInput, match="leave --step out"):
        read(written(tmp_path, CSV), step_s=5)
    with pytest.raises(BadInput, match="can't be read"):
        read(tmp_path / "none.txt")
