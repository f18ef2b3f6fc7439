"""Probe: writes through the edge without pause, and proves afterwards that nothing was lost."""

import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import yaml

from insurectl.adapters.load_credentials import LoadCredentials, Minter
from insurectl.errors import TargetNotReady
from insurectl.ports import ProbeLog

AT_ONCE = 8  # checks; writes come one after the other
AGAIN_S = 0.5
# loopback is never reached through a proxy
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class _Refused(Exception):
    """GraphQL answered with errors: nothing is known of what was asked."""


NoAnswer = (OSError, http.client.HTTPException, ValueError, _Refused)


@dataclass
class _Write:
    at_s: float
    key: str
    acknowledged: str | None = None  # the id that came back
    failure: str = ""


@dataclass
class WriteProbe:
    """One writer, every ``pause_s``. What is written and how it is read again stands in the
    scenarios' ``probe.yaml``: two GraphQL documents, whose customer asks, and where the id is in
    the answer.
    ``check_s``: how long a check may wait for its answer."""

    probe_file: Path
    pause_s: float = 0.2  # every write asks all insurers
    timeout_s: float = 2.0
    check_s: float = 30.0
    _writes: list[_Write] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)
    _writer: Future[None] | None = None
    _url: str = ""
    _minter: Minter | None = None

    def start(self, base_url: str, log: Path, credentials_file: str) -> None:
        """Begin to write; each outcome is in ``log`` (fsync'd) before the next write."""
        if credentials_file:
            credentials = LoadCredentials.read(Path(credentials_file))
            self._minter = Minter(credentials.token_private_pem)
        self._texts = yaml.safe_load(self.probe_file.read_text(encoding="utf-8"))
        self._url = base_url + self._texts["path"]
        self._writer = Future()
        threading.Thread(target=self._run, args=(log, self._writer), daemon=True).start()

    def finish(self) -> ProbeLog:
        """Stop; read every acknowledged write again; repeat it and see that none doubles.
        TargetNotReady when the system can't be asked."""
        self._stop.set()
        if self._writer is not None:
            self._writer.result()  # raises what ended the writer before its time
        acknowledged = [write for write in self._writes if write.acknowledged is not None]
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            found = list(pool.map(self._check, acknowledged))
        finally:
            self._over.set()  # also when it is interrupted: nobody waits for the rest
            pool.shutdown(cancel_futures=True)
        return ProbeLog(
            writes=tuple((w.at_s, w.acknowledged is not None, w.failure) for w in self._writes),
            lost=found.count("lost"),
            doubled=found.count("doubled"),
        )

    def _check(self, write: _Write) -> str:
        if self._surely("read", {"id": write.acknowledged}) != write.acknowledged:
            return "lost"
        again = self._surely("write", {"key": write.key})
        return "kept" if again == write.acknowledged else "doubled"

    def _run(self, log: Path, writer: Future[None]) -> None:
        try:
            with log.open("w", encoding="utf-8") as lines:
                self._write_on(lines.fileno())
        except BaseException as error:
            writer.set_exception(error)
        else:
            writer.set_result(None)

    def _write_on(self, log: int) -> None:
        run = os.urandom(6).hex()
        while not self._stop.wait(self.pause_s):
            write = _Write(time.time(), f"probe-{run}-{len(self._writes)}")
            try:
                write.acknowledged = self._ask("write", {"key": write.key})
                write.failure = "" if write.acknowledged else "no id in the answer"
            except NoAnswer as error:
                write.failure = _kind(error)
            self._writes.append(write)
            os.write(log, f"{json.dumps(asdict(write))}\n".encode())
            os.fsync(log)

    def _surely(self, text: str, values: dict[str, str | None]) -> str | None:
        """Ask until there is an answer: no answer is no proof of a loss."""
        deadline = time.monotonic() + self.check_s
        while True:
            try:
                return self._ask(text, values)
            except NoAnswer as error:
                if time.monotonic() > deadline or self._over.is_set():
                    raise TargetNotReady(
                        "the check of the probe's writes got no answer within "
                        f"{self.check_s:g} s: {_kind(error)}"
                    ) from error
            self._over.wait(AGAIN_S)

    def _ask(self, text: str, values: dict[str, str | None]) -> str | None:
        document = Template(self._texts[text]).substitute(self._texts["values"] | values)
        request = urllib.request.Request(  # the address of our own edge
            self._url,
            json.dumps({"query": document}).encode(),
            {"Content-Type": "application/json", **self._authorization()},
        )
        with _OPENER.open(request, timeout=self.timeout_s) as answer:
            said = json.load(answer)
        if not isinstance(said, dict):
            raise ValueError("this is no answer of GraphQL")
        if errors := _find(said, ["errors"]):
            code = _find(errors[0], ["extensions", "code"])
            raise _Refused(code or _find(errors[0], ["message"]))
        found = _find(said, ["data", *self._texts["id"]])
        return found if isinstance(found, str) else None

    def _authorization(self) -> dict[str, str]:
        """Of the customer whose applications it writes."""
        if self._minter is None:
            return {}
        return {
            "Authorization": f"Bearer {self._minter.token(self._texts['customer'], 'customer')}"
        }


def _find(answer: Any, path: list[str]) -> Any:
    """What stands at the path; None when there is nothing."""
    for name in path:
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def _kind(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    if isinstance(error, _Refused):
        return f"{error}"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "timeout"
    reason = getattr(error, "reason", error)
    return type(reason).__name__
