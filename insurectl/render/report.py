"""The report: one story and its pictures -> HTML, Markdown, JSON and JUnit."""

from collections.abc import Mapping
from dataclasses import dataclass

from insurectl.records import RunRecords
from insurectl.render import model_charts, plan_charts, timeline_chart
from insurectl.render.headline import headline
from insurectl.render.html import html
from insurectl.render.json import to_json
from insurectl.render.junit import junit
from insurectl.render.markdown import markdown
from insurectl.render.picture import Picture, draw, shown
from insurectl.render.settings_diff import chosen
from insurectl.render.telling import tell


class ReportRenderer:
    """Draws from records alone, so a report can be drawn again anywhere, offline."""

    def files(self, records: RunRecords) -> Mapping[str, str]:
        """File name -> text."""
        picture = draw(records)
        story = tell(records, picture)
        return {
            "report.html": html(story, _charts(records, picture)),
            "report.md": markdown(story, picture),
            "report.json": to_json(_Report.of(records)),
            "junit.xml": junit(records),
        }


@dataclass(frozen=True, kw_only=True)
class _Report:
    """What a program reads: the verdict's words and every record; no picture."""

    schema: str = "insurectl/report/v1"
    run_id: str
    verdict: str
    sentence: str
    reasons: tuple[str, ...]
    records: RunRecords

    @classmethod
    def of(cls, records: RunRecords) -> "_Report":
        head = headline(records)
        return cls(run_id=records.info.run_id, verdict=head.word, sentence=head.sentence,
                   reasons=head.reasons, records=records)  # fmt: skip


def _charts(records: RunRecords, picture: Picture | None) -> Mapping[str, tuple[str, str]]:
    """Chart name -> its SVG for a screen and for a phone ("": the same one)."""
    charts = {
        "capacity": model_charts.capacity(records.calibration, records.model),
        "memory": model_charts.memory(records.calibration, records.model),
        "quantiles": _quantiles(records),
    }
    if records.recommendation is not None:
        one = records.recommendation
        charts["front"] = model_charts.front(one.candidates, chosen(one))
    if records.verdict is not None:
        charts["comparison"] = model_charts.comparison(records.verdict.comparisons)
    if records.plan is not None:
        charts["limits"] = plan_charts.limits(records.plan)
        charts["growth"] = plan_charts.growth(records.plan)
    found = {name: (drawn, "") for name, drawn in charts.items() if drawn}
    if picture is not None and (wide := timeline_chart.timeline(picture)):
        found["timeline"] = (wide, timeline_chart.timeline(picture, narrow=True))
    return found


def _quantiles(records: RunRecords) -> str:
    run = shown(records)
    if run is None or run.load is None:
        return ""
    head = records.model or records.calibration
    return model_charts.quantiles(run.load.requests or (run.load.total,),
                                  head.slo_ms if head is not None else None)  # fmt: skip
