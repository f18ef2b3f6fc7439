"""``python -m tests.bench [GOAL ...]``: measure, print a line a figure, keep reports/bench.json.

A benchmark is one module here, named after its goal (``p1_load_generator``), with a function
``figures()`` that yields what it measured. One that says ``CAMPAIGN = True`` takes long or needs a
cluster, and runs only when its goal is named. Ends with 0 whether or not a goal was met: a
benchmark says what is, nothing is built upon it.
"""

import datetime
import importlib
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from tests.bench.figure import Figure

OUT = Path("reports") / "bench.json"


def main(wanted: list[str]) -> int:
    """2 for a goal that has no benchmark."""
    modules = {
        path.stem.split("_")[0].upper(): path.stem
        for path in sorted(Path(__file__).parent.glob("[a-z][0-9]*_*.py"))
    }
    unknown = [goal for goal in wanted if goal.upper() not in modules]
    if unknown:
        print(f"no benchmark for {', '.join(unknown)}; there are: {', '.join(modules)}")
        return 2
    for goal in [goal.upper() for goal in wanted] or list(modules):
        module = importlib.import_module(f"tests.bench.{modules[goal]}")
        if getattr(module, "CAMPAIGN", False) and not wanted:
            continue
        before = os.getloadavg()[0]
        found: list[Figure] = []
        for figure in module.figures():
            found.append(figure)
            print(figure.line(), flush=True)
        _keep(goal, found, before)
    print(f"kept in {OUT}", file=sys.stderr)
    return 0


def _keep(goal: str, found: list[Figure], load_before: float) -> None:
    """In place of what was measured of this goal before; other goals stay."""
    content = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {"goals": {}}
    content["schema"] = "insurectl/bench/v1"
    content["goals"][goal] = {
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(load_before, 2),
        "python": platform.python_version(),
        "system": platform.platform(),
        "figures": [{**asdict(figure), "met": figure.met} for figure in found],
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
