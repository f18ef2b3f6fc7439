"""A child as its parent sees it: takes orders, and puts what it says into a queue."""

import json
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from insurectl.adapters.locust.run import Line

CHILD = "insurectl.adapters.locust.child"


class ChildProcess:
    """One process; its lines go to the run's queue."""

    def __init__(
        self, number: int, children: int, job_file: Path, lines: "queue.Queue[Line]"
    ) -> None:
        self.number, self._children = number, children
        self.log = job_file.with_suffix(".log")
        self.ready = self.ended = self.gone = False
        self.second = 0
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", CHILD, str(job_file)],  # -P: not from where we stand
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is the parent's to pass on
            )
        self._reader = threading.Thread(target=self._read, args=(lines,), daemon=True)
        self._reader.start()

    def order(self, text: str) -> None:
        """A child that is gone takes no orders; that it is gone is told by its lines."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{text}\n".encode())
            self.process.stdin.flush()
        except OSError:
            self.gone = True

    def end(self, deadline_s: float) -> None:
        """Wait for its last lines until then (``time.monotonic``), then leave nothing of it."""
        try:
            self.process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(1.0)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # an order that it did not live to read
                pipe.close()
        if self.log.exists() and not self.log.stat().st_size:
            self.log.unlink()

    def lost(self) -> str:
        """How it ended, which it should not have; waits for it."""
        code = self.process.wait()
        how = f"by signal {-code}" if code < 0 else f"with {code}"
        return (
            f"load generator {self.number} of {self._children} ended {how} in the middle "
            f"of the run ({self.told()})"
        )

    def told(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return " / ".join(line.strip() for line in lines[-3:]) or "nothing in its log"

    def _read(self, lines: "queue.Queue[Line]") -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            lines.put(Line(self, json.loads(line)))
        lines.put(Line(self, {"kind": "gone"}))
