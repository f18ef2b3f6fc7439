"""``insurectl report``: draw a run's report again."""

from insurectl.cli.options import RunArgument, Session


def report(session: Session, run: RunArgument = None) -> None:
    """Draw a run's report from its records alone; prints the files' paths."""
    from insurectl.stages import report as stage

    world = session.world()
    run_id = run or world.runs.latest()
    files = stage.report(world, run_id)
    if session.console.output == "table":
        for path in files:
            session.console.line(str(path))
    else:
        paths = [str(path) for path in files]
        session.console.show({"schema": "insurectl/report-files/v1", "run_id": run_id,
                              "files": paths})  # fmt: skip
