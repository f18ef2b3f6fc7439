"""Why there was no answer is said in a word, and a header can't smuggle in a second one."""

import errno
import socket

import pytest
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError
from geventhttpclient.useragent import ConnectionError as AgentError
from geventhttpclient.useragent import RetriesExceeded

from insurectl.adapters.locust.connection import _lines, kind


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(ConnectionRefusedError(), "refused", id="nobody listens"),
        pytest.param(TimeoutError(), "timeout", id="took too long"),
        pytest.param(RetriesExceeded("u", 0, original=TimeoutError()), "timeout", id="wrapped"),
        pytest.param(ConnectionResetError(), "reset", id="reset"),
        pytest.param(BrokenPipeError(), "reset", id="reset while sending"),
        pytest.param(HTTPConnectionClosed(), "closed", id="closed without an answer"),
        pytest.param(HTTPParseError(), "no HTTP", id="garbage"),
        pytest.param(AgentError(None, "redirected to another server"),
                     "redirected to another server", id="the agent's own"),
        pytest.param(OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"),
                     "cannot assign requested address", id="no port is left here"),
        pytest.param(socket.gaierror(-2, "Name or service not known"),
                     "name or service not known", id="no such host"),
        pytest.param(AgentError(None), "ConnectionError", id="nothing is known"),
    ],
)  # fmt: skip
def test_a_failure_is_named_by_its_kind(error: Exception, expected: str) -> None:
    assert kind(error) == expected


def test_headers_become_lines() -> None:
    assert _lines({"A": "1", "B": "2"}) == "A: 1\r\nB: 2\r\n"


@pytest.mark.parametrize("text", ["a\r\nB: b", "a\n", "a\r"])
def test_a_header_with_a_line_break_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        _lines({"A": text})
