"""P8: `insurectl --help` beside a Typer app that has one command and imports nothing else."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figure import Figure

PAIRS = 15
BARE = """import typer

app = typer.Typer()


@app.command()
def hello(name: str = "you") -> None:
    print(name)


app()
"""


def figures() -> Iterator[Figure]:
    """By turns, so that both meet the same machine."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bare.py"
        file.write_text(BARE, encoding="utf-8")
        bare, ours = [sys.executable, str(file), "--help"], [_insurectl(), "--help"]
        _seconds(bare), _seconds(ours)  # once unseen: files come from the disk
        pairs = [(_seconds(ours), _seconds(bare)) for _ in range(PAIRS)]
    mine, other = (statistics.median(times) for times in zip(*pairs, strict=True))
    yield Figure(
        goal="P8",
        what="insurectl --help, to that of a bare Typer app (medians)",
        value=mine / other,
        unit="x",
        wanted=1.5,
        sense="max",
        runs=PAIRS,
        note=f"{1000 * mine:.0f} ms to {1000 * other:.0f} ms",
    )


def _insurectl() -> str:
    return str(Path(sys.executable).with_name("insurectl"))


def _seconds(command: list[str]) -> float:
    began_s = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began_s
