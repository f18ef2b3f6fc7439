"""`insurectl agent`: one zone's controller, started by its supervisor."""

from pathlib import Path


def agent(arguments: list[str]) -> None:
    """``--state FOLDER --zone NAME``; runs until it is ended."""
    import argparse

    from insurectl.wiring import zone_controller

    parser = argparse.ArgumentParser(prog="insurectl agent")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--zone", required=True)
    asked = parser.parse_args(arguments)
    zone_controller(asked.state, asked.zone).run()
