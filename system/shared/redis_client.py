"""Redis behind Sentinels: who is primary is asked anew at each connection, and everything that
waits for an answer goes out in one pipeline."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

LARGEST_BATCH = 256
GATHER_S = 0.003  # for which commands are gathered: a pipeline costs far more than a command
ANSWER_S = 1.5  # a primary that needs longer is as good as lost: its Sentinels think so, too
SENTINEL_S = 0.5
# what a server says that serves, but must not take writes now
NOT_NOW = ("NOREPLICAS", "READONLY", "MISCONF", "LOADING", "MASTERDOWN", "UNBLOCKED")
Command = tuple[Any, ...]


class Away(Exception):
    """Redis did not answer; whether it did what was asked is not known."""


class RedisSettings(BaseSettings):
    """The Sentinels and the user; the password is only ever read from a file."""

    model_config = SettingsConfigDict(env_prefix="REDIS_")

    sentinels: str
    name: str = "insure"
    user: str
    password_file: Path

    def addresses(self) -> list[tuple[str, int]]:
        """From ``host:port,host:port``."""
        pairs = (part.strip().rpartition(":") for part in self.sentinels.split(","))
        return [(host, int(port)) for host, _, port in pairs]


def connect(settings: RedisSettings) -> "Redis":
    """A client of whoever is primary. Nothing is repeated inside: only the caller knows what may
    be, and for how long."""
    never = Retry(NoBackoff(), 0)
    sentinel = Sentinel(  # type: ignore[no-untyped-call] # redis-py has types in part
        settings.addresses(),
        sentinel_kwargs={
            "socket_timeout": SENTINEL_S,
            "socket_connect_timeout": SENTINEL_S,
            "retry": never,
        },
    )
    primary: Redis = sentinel.master_for(
        settings.name,
        username=settings.user,
        password=settings.password_file.read_text(encoding="utf-8").strip(),
        socket_timeout=ANSWER_S,
        socket_connect_timeout=SENTINEL_S,
        retry=never,
        decode_responses=True,
    )
    return primary


async def close(redis: "Redis") -> None:
    """Its connections, and those to the Sentinels, which the client does not close itself."""
    sentinel: Sentinel = redis.connection_pool.sentinel_manager  # type: ignore[attr-defined] # its pool's
    await redis.aclose()
    await sentinel.aclose()


class Batch:
    """Commands of all who ask at once, in one pipeline after another on one connection: a round
    trip and a system call for many. ``scripts``: name -> Lua."""

    def __init__(
        self,
        redis: "Redis",
        scripts: Mapping[str, str],
        seen: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._redis, self._seen = redis, seen
        self._scripts = dict(scripts)
        self._digests = {name: _digest(text) for name, text in scripts.items()}
        self._pending: list[tuple[Command, asyncio.Future[Any]]] = []
        self._running: asyncio.Task[None] | None = None

    def call(self, *command: Any) -> asyncio.Future[Any]:
        """Its answer, or Away, or the server's ResponseError."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending.append((command, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return answer

    def script(self, name: str, keys: list[str], *values: Any) -> asyncio.Future[Any]:
        """A script's answer."""
        return self.call("EVALSHA", self._digests[name], len(keys), *keys, *values)

    async def _run(self) -> None:
        try:
            while self._pending:
                await asyncio.sleep(GATHER_S)
                batch, self._pending = (
                    self._pending[:LARGEST_BATCH],
                    self._pending[LARGEST_BATCH:],
                )
                await self._send(batch)
        finally:
            self._running = None

    async def _send(self, batch: list[tuple[Command, asyncio.Future[Any]]]) -> None:
        try:
            answers = await self._execute([command for command, _ in batch])
        except (RedisError, OSError) as error:
            self._seen(False)
            answers = [Away(f"{type(error).__name__}: {error}")] * len(batch)
        else:
            self._seen(True)
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if waiting.done():  # whoever asked is gone
                continue
            if isinstance(answer, Exception):
                waiting.set_exception(answer)
                waiting.exception()  # seen: one who is gone by then is no fault of the loop
            else:
                waiting.set_result(answer)

    async def _execute(self, commands: list[Command]) -> list[Any]:
        answers = await self._pipeline(commands)
        unknown = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:  # a promoted replica has never seen the scripts
            await self._pipeline([("SCRIPT", "LOAD", text) for text in self._scripts.values()])
            again = await self._pipeline([commands[n] for n in unknown])
            for n, answer in zip(unknown, again, strict=True):
                answers[n] = answer
        return [_as_away(answer) for answer in answers]

    async def _pipeline(self, commands: list[Command]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False)


def _as_away(answer: Any) -> Any:
    if isinstance(answer, ResponseError) and str(answer).startswith(NOT_NOW):
        return Away(str(answer))
    return answer


def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
