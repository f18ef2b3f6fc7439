"""Pictures, drawn for real."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from insurectl.records import Outcome, RunRecords
from insurectl.render import model_charts, timeline_chart
from insurectl.render.charts import COLOURS, ROLES, minutes
from insurectl.render.html import HERE
from insurectl.render.picture import Picture, draw
from insurectl.render.settings_diff import chosen
from tests.unit.render import samples


def picture(records: RunRecords) -> Picture:
    found = draw(records)
    assert found is not None
    return found


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("text")]


DRAWN = {
    "timeline": timeline_chart.timeline(picture(samples.loop(fault=True))),
    "timeline on a phone": timeline_chart.timeline(picture(samples.loop()), narrow=True),
    "capacity": model_charts.capacity(samples.CALIBRATION, samples.MODEL),
    "capacity without a model": model_charts.capacity(samples.CALIBRATION, None),
    "capacity without steps": model_charts.capacity(None, samples.MODEL),
    "memory": model_charts.memory(samples.CALIBRATION, samples.MODEL),
    "front": model_charts.front(samples.RECOMMENDATION.candidates, chosen(samples.RECOMMENDATION)),
    "comparison": model_charts.comparison(samples.verdict(Outcome.FAIL).comparisons),
    "quantiles": model_charts.quantiles(samples.load().requests, 600.0),
}


@pytest.mark.parametrize("svg", DRAWN.values(), ids=DRAWN)
def test_a_picture_is_whole_labelled_and_themed(svg: str) -> None:
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    assert root.get("aria-label")
    assert not [value for element in root.iter() for value in element.attrib.values()
                if "//" in value]  # fmt: skip
    assert not set(COLOURS.values()) & set(re.findall(r"#[0-9a-f]{6}", svg))
    assert "var(--c-" in svg


def test_the_page_defines_every_colour_for_light_and_dark() -> None:
    css = (HERE / "page.css").read_text(encoding="utf-8")
    assert {role: css.count(f"--c-{role}:") for role in ROLES} == dict.fromkeys(ROLES, 2)


def test_the_same_records_give_the_same_picture() -> None:
    assert timeline_chart.timeline(picture(samples.loop(fault=True))) == DRAWN["timeline"]


def test_the_picture_that_matters_has_four_panels_spans_and_every_decision() -> None:
    words = texts(DRAWN["timeline"])
    for title in ("Load, requests/s", "Replicas of core-app", "Latency, ms",
                  "Memory a replica of core-app, MiB", "warm-up", "zone a: kill", "offered",
                  "achieved", "failed", "SLO p95: 600"):  # fmt: skip
        assert title in words
    marks = picture(samples.loop(fault=True)).marks
    assert DRAWN["timeline"].count("<title>") == len(marks) > 0
    assert f"<title>{minutes(marks[0].at_s)} zone {marks[0].zone}: " in DRAWN["timeline"]


def test_panels_without_data_are_left_out() -> None:
    words = texts(timeline_chart.timeline(picture(samples.SUBSETS["only a load result"])))
    assert "Latency, ms" in words
    assert not [word for word in words if word.startswith(("Replicas", "Memory"))]


def test_a_stall_does_not_flatten_the_other_latencies() -> None:
    load = samples.load()
    stalled = replace(load.seconds[40], p99_ms=30_000.0)
    seconds = (*load.seconds[:40], stalled, *load.seconds[41:])
    records = RunRecords(info=samples.info("load"), load=replace(load, seconds=seconds))
    assert "10000" in texts(timeline_chart.timeline(picture(records)))


@pytest.mark.parametrize("name", ["", "$x_1^{2}$", "<b>&\"'", "--><script>", "\\1", "дом"])
def test_a_name_is_drawn_as_it_is_written(name: str) -> None:
    svg = timeline_chart.timeline(replace(picture(samples.loop()), service=name))
    assert f"Replicas of {name}".strip() in [word.strip() for word in texts(svg)]


def test_a_step_above_the_picture_is_an_arrow_at_its_edge() -> None:
    slow = replace(samples.CALIBRATION.steps[0], quantile_ms=60_000.0, within_slo=False)
    calibration = replace(samples.CALIBRATION, steps=(*samples.CALIBRATION.steps, slow))
    assert "far beyond" in texts(model_charts.capacity(calibration, samples.MODEL))


def test_a_front_whose_chosen_point_was_not_kept_is_drawn_without_it() -> None:
    assert "chosen" in texts(DRAWN["front"])
    assert "chosen" not in texts(model_charts.front(samples.RECOMMENDATION.candidates, None))


def test_a_front_on_which_nothing_misses_is_drawn() -> None:
    points = [replace(one, miss_ratio=0.0) for one in samples.RECOMMENDATION.candidates]
    assert "front" in texts(model_charts.front(points, None))


@pytest.mark.parametrize("measured", [None, float("nan"), -1e9, 1e9, 268.0])
def test_a_comparison_is_drawn_wherever_the_measurement_lies(measured: float | None) -> None:
    one = replace(samples.verdict().comparisons[2], measured=measured, met=False)
    degenerate = replace(one, allowed_low=1.0, allowed_high=1.0)
    assert "latency p95" in texts(model_charts.comparison([one, degenerate]))


@pytest.mark.parametrize(
    "svg",
    [
        pytest.param(model_charts.capacity(None, None), id="capacity"),
        pytest.param(model_charts.memory(None, samples.MODEL), id="memory"),
        pytest.param(model_charts.front((), None), id="front"),
        pytest.param(model_charts.comparison(()), id="comparison"),
        pytest.param(model_charts.quantiles((), None), id="quantiles"),
    ],
)
def test_nothing_to_draw_is_no_picture(svg: str) -> None:
    assert svg == ""


@pytest.mark.parametrize(
    ("at_s", "said"),
    [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3600, "60:00"), (-0.2, "0:00"), (-3, "-0:03")],
)
def test_minutes(at_s: float, said: str) -> None:
    assert minutes(at_s) == said
