"""Probe: writes through the edge without pause, and proves afterwards that nothing was lost."""

import json
import os
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import yaml

from insurectl.errors import TargetNotReady
from insurectl.ports import ProbeLog


@dataclass
class _Write:
    at_s: float
    key: str
    acknowledged: str | None = None  # the id that came back
    failure: str = ""


@dataclass
class WriteProbe:
    """One writer, every ``pause_s``. What is written and how it is read again stands in the
    scenarios' ``probe.yaml``: two GraphQL documents and where the id is in the answer."""

    probe_file: Path
    pause_s: float = 0.05
    timeout_s: float = 2.0
    _writes: list[_Write] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _url: str = ""

    def start(self, base_url: str, log: Path) -> None:
        """Begin to write; each outcome is in ``log`` (fsync'd) before the next write."""
        self._texts = yaml.safe_load(self.probe_file.read_text(encoding="utf-8"))
        self._url = base_url + self._texts["path"]
        self._thread = threading.Thread(target=self._run, args=(log,), daemon=True)
        self._thread.start()

    def finish(self) -> ProbeLog:
        """Stop; read every acknowledged write again; repeat it and see that none doubles."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        lost = doubled = 0
        for write in self._writes:
            if write.acknowledged is None:
                continue
            found = self._ask(self._texts["read"], {"id": write.acknowledged}, patient=True)
            lost += found != write.acknowledged
            again = self._ask(self._texts["write"], {"key": write.key}, patient=True)
            doubled += again is not None and again != write.acknowledged
        return ProbeLog(
            writes=tuple((w.at_s, w.acknowledged is not None, w.failure) for w in self._writes),
            lost=lost,
            doubled=doubled,
        )

    def _run(self, log: Path) -> None:
        run = os.urandom(6).hex()
        with log.open("w", encoding="utf-8") as lines:
            while not self._stop.wait(self.pause_s):
                write = _Write(time.time(), f"probe-{run}-{len(self._writes)}")
                try:
                    write.acknowledged = self._ask(self._texts["write"], {"key": write.key})
                    write.failure = "" if write.acknowledged else "no id in the answer"
                except (OSError, ValueError) as error:
                    write.failure = _kind(error)
                self._writes.append(write)
                lines.write(json.dumps(write.__dict__) + "\n")
                lines.flush()
                os.fsync(lines.fileno())

    def _ask(self, text: str, values: dict[str, str], *, patient: bool = False) -> str | None:
        body = json.dumps({"query": Template(text).substitute(self._texts["values"] | values)})
        request = urllib.request.Request(  # the address of our own edge
            self._url, body.encode(), {"Content-Type": "application/json"}
        )
        for attempt in range(5 if patient else 1):
            try:
                with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:
                    return _find_id(json.load(answer), self._texts["id"])
            except OSError as error:
                if not patient:
                    raise
                if attempt == 4:
                    raise TargetNotReady(
                        f"the check of the probe's writes got no answer: {error}"
                    ) from error
                time.sleep(1)
        return None


def _find_id(answer: Any, path: list[str]) -> str | None:
    found = answer.get("data")
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def _kind(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "timeout"
    reason = getattr(error, "reason", error)
    return type(reason).__name__
