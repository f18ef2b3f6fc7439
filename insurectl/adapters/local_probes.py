"""What the servers of a zone that speak no HTTP say of themselves: ``ok``, or why not."""

import socket
from pathlib import Path

from insurectl.adapters.address_plan import Address

TIMEOUT_S = 2.0
AMQP = b"AMQP\x00\x00\x09\x01"
CONNECTION_START = b"\x00\x0a\x00\x0a"  # class and method of what a broker says first
LONGEST = 64 * 1024


def rabbitmq(address: Address) -> str:
    """It takes clients: its greeting comes once definitions and queues are there."""
    try:
        with socket.create_connection((address.host, address.port), TIMEOUT_S) as broker:
            broker.sendall(AMQP)
            said = broker.recv(32)
    except OSError as error:
        return f"{error}"
    return "ok" if said[7:11] == CONNECTION_START else f"no broker's greeting: {said!r}"


def redis(address: Address, user: str, password: Path) -> str:
    """A primary, or a replica that has its primary's data."""
    try:
        with socket.create_connection((address.host, address.port), TIMEOUT_S) as server:
            _ask(server, "AUTH", user, password.read_text().strip())
            told = _fields(_ask(server, "INFO", "replication"))
    except (OSError, ValueError) as error:
        return f"{error}"
    if told.get("role") == "master" or told.get("master_link_status") == "up":
        return "ok"
    return f"a {told.get('role')} whose link to its primary is {told.get('master_link_status')}"


def sentinel(address: Address, master: str) -> str:
    """It sees a primary that is up, and enough others to agree on another one."""
    try:
        with socket.create_connection((address.host, address.port), TIMEOUT_S) as server:
            quorum = _ask(server, "SENTINEL", "CKQUORUM", master)
            words = _ask(server, "SENTINEL", "MASTER", master).split("\r\n")
    except (OSError, ValueError) as error:
        return f"{error}"
    flags = words[words.index("flags") + 2] if "flags" in words else "unknown"
    if flags != "master":
        return f"the primary is {flags}"
    return "ok" if quorum.startswith("OK") else quorum


def _ask(server: socket.socket, *words: str) -> str:
    """One command, and its whole answer as text; ValueError for an error."""
    parts = [word.encode() for word in words]
    lines = [b"*%d" % len(parts), *(line for p in parts for line in (b"$%d" % len(p), p))]
    server.sendall(b"\r\n".join(lines) + b"\r\n")
    said = b""
    while not _whole(said) and len(said) < LONGEST:
        more = server.recv(LONGEST)
        if not more:
            break
        said += more
    if said.startswith(b"-"):
        raise ValueError(said[1:].decode(errors="replace").strip())
    return said[1:].decode(errors="replace")


def _whole(said: bytes) -> bool:
    """Whether a reply of the protocol RESP2 has come to its end; flat arrays only."""
    head, line, rest = said.partition(b"\r\n")
    if not line:
        return False
    if head[:1] == b"$":
        return len(rest) >= int(head[1:]) + 2
    if head[:1] == b"*":
        return rest.count(b"\r\n") >= 2 * int(head[1:])
    return True


def _fields(text: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)
