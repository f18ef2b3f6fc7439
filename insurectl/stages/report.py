"""All records -> report.html, report.md, report.json, junit.xml; offline, again and again."""

from pathlib import Path

from insurectl.ports import World


def report(world: World, run_id: str) -> tuple[Path, ...]:
    """Draw a run's report from its records alone."""
    return world.runs.write_files(run_id, world.renderer.files(world.runs.records(run_id)))
