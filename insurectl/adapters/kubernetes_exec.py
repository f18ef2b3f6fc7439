"""A command inside a container, over the websocket that `kubectl exec` uses too."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, cast

from insurectl.adapters.kubernetes_connection import CONNECT_S, Connection
from insurectl.adapters.kubernetes_errors import refusal
from insurectl.errors import TargetNotReady

STDIN, STDOUT, STDERR, STATUS = 0, 1, 2, 3
LOOK_S = 0.5
CHUNK = 2**16


class Finished(NamedTuple):
    """How a command ended and all that it said."""

    code: int
    stdout: str
    stderr: str


class Socket(Protocol):
    """What is used of the package's ``WSClient``, which has no types. Channels are the ones of
    Kubernetes' protocol; what is written and read is bytes."""

    subprotocol: str | None
    sock: Any

    def is_open(self) -> bool: ...
    def update(self, timeout: float) -> None: ...
    def close(self, **wanted: float) -> None: ...
    def write_channel(self, channel: int, data: bytes) -> None: ...
    def close_channel(self, channel: int) -> None: ...
    def read_channel(self, channel: int) -> bytes: ...


def run(
    connection: Connection,
    path: str,
    container: str | None,
    command: Sequence[str],
    *,
    stdin: str | bytes | None,
    timeout_s: float,
) -> Finished:
    """To its end; TargetNotReady when it can't be started or takes longer than ``timeout_s``."""
    what = f"context {connection.context}: `{' '.join(command)}` in {path.split('/')[-2]}"
    socket = _open(connection, path, container, command, stdin is not None)
    try:
        if stdin is not None:
            _feed(socket, stdin.encode() if isinstance(stdin, str) else stdin, what)
        deadline = connection.clock.now() + timeout_s
        while socket.is_open():
            if connection.clock.now() > deadline:
                raise TargetNotReady(f"{what} did not end in {timeout_s:.0f} s")
            socket.update(timeout=LOOK_S)
        return _finished(socket, what)
    finally:
        socket.close(timeout=1)
        socket.sock.shutdown()  # where the server closed first, the package leaves it open


def _open(
    connection: Connection,
    path: str,
    container: str | None,
    command: Sequence[str],
    with_stdin: bool,
) -> Socket:
    import websocket  # noqa: PLC0415
    from kubernetes.stream import ws_client  # noqa: PLC0415

    params: dict[str, str | Sequence[str]] = {
        "command": list(command),
        "stdin": str(with_stdin).lower(),
        "stdout": "true",
        "stderr": "true",
    }
    if container:
        params["container"] = container
    url = connection.url(path, params).replace("http", "ws", 1)
    websocket.setdefaulttimeout(CONNECT_S)  # the package gives no other way in
    try:
        made = ws_client.WSClient(  # type: ignore[no-untyped-call] # has no types
            connection.client.configuration, url, connection.headers(), False, binary=True
        )
        return cast("Socket", made)
    except websocket.WebSocketBadStatusException as error:
        body = error.resp_body or b""
        raise refusal(connection.context, f"exec {path}", error.status_code, body) from error
    except (websocket.WebSocketException, OSError) as error:
        raise TargetNotReady(
            f"context {connection.context}: no answer to exec {path}: {error}"
        ) from error


def _feed(socket: Socket, stdin: bytes, what: str) -> None:
    if not str(getattr(socket, "subprotocol", "")).startswith("v5"):
        raise TargetNotReady(f"{what} needs input, and the cluster is too old to end it (1.30)")
    for start in range(0, len(stdin), CHUNK):
        socket.write_channel(STDIN, stdin[start : start + CHUNK])
    socket.close_channel(STDIN)


def _finished(socket: Socket, what: str) -> Finished:
    status: Any = json.loads(socket.read_channel(STATUS) or b"{}")
    stdout, stderr = (
        (socket.read_channel(one) or b"").decode(errors="replace") for one in (STDOUT, STDERR)
    )
    if status.get("status") == "Success":
        return Finished(0, stdout, stderr)
    for cause in (status.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return Finished(int(cause["message"]), stdout, stderr)
    raise TargetNotReady(f"{what}: {status.get('message') or 'the connection broke off'}")
