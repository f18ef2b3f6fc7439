"""Asks a Redis server a question or two, in its own protocol: the image has no client library."""

import socket
from collections.abc import Sequence
from typing import BinaryIO

Answer = str | int | None | list["Answer"]


class Refused(Exception):
    """The server answered with an error."""


def ask(address: tuple[str, int], *commands: Sequence[str], timeout_s: float = 2.0) -> list[Answer]:
    """One answer a command; OSError when nothing answers, Refused with the server's words."""
    with (
        socket.create_connection(address, timeout=timeout_s) as connection,
        connection.makefile("rb") as answers,
    ):
        connection.sendall(b"".join(encoded(command) for command in commands))
        return [decoded(answers) for _ in commands]


def encoded(command: Sequence[str]) -> bytes:
    """As an array of strings."""
    words = [word.encode() for word in command]
    parts = [b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)]
    return b"".join(parts)


def decoded(answers: BinaryIO) -> Answer:
    """The next answer; OSError where the server closed the connection instead."""
    line = answers.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the server closed the connection")
    kind, rest = line[:1], line[1:-2].decode(errors="replace")
    match kind:
        case b"+":
            return rest
        case b"-":
            raise Refused(rest)
        case b":":
            return int(rest)
        case b"$":
            return _text(answers, int(rest))
        case b"*":
            return None if rest == "-1" else [decoded(answers) for _ in range(int(rest))]
        case _:
            raise ConnectionError(f"no answer of a Redis server: {line[:40]!r}")


def _text(answers: BinaryIO, length: int) -> str | None:
    return None if length < 0 else answers.read(length + 2)[:-2].decode(errors="replace")
