"""The database server: made when its volume is empty, mended at each start, then run."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from system.platform.values import RUNTIME, SECRETS, VOLUME, CannotStart, render, secret

PROGRAMS = Path("/usr/lib/postgresql")  # Debian's: one folder a version
SUPERUSER = "postgres"
RECOVERY_S = 3600  # a crashed server first repeats what its log holds


def run(values: Mapping[str, Any]) -> int:
    """Become PostgreSQL; returns only when its folder can't be made ready."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    data = VOLUME / "main"  # a volume's own root may belong to another, or hold lost+found
    _lock(VOLUME / "lock")
    _create(data)
    _configure(values)
    databases = values["databases"]
    passwords = {role: secret(SECRETS / role) for role in (SUPERUSER, *_roles(databases))}
    with _alone(data):
        _psql(statements(databases, passwords))
    print("postgresql: ready to start", file=sys.stderr)
    server = program("postgres")  # which looks for its files beside its own path
    os.execv(server, [server, *_options(data)])


def ready(values: Mapping[str, Any]) -> bool:
    """Whether it takes connections."""
    host = "127.0.0.1" if values["host"] == "0.0.0.0" else values["host"]
    asked = [program("pg_isready"), "-q", "-h", host, "-p", f"{values['port']}", "-t", "2"]
    return subprocess.run(asked, check=False).returncode == 0


def statements(databases: Sequence[Mapping[str, str]], passwords: Mapping[str, str]) -> str:
    """Makes or mends every role and database; psql runs a made statement at ``\\gexec``."""
    lines = [
        "SET log_min_error_statement = panic;",  # no password in the log, should one fail
        f"ALTER ROLE {name(SUPERUSER)} PASSWORD {literal(passwords[SUPERUSER])};",
    ]
    for role in _roles(databases):
        lines += [
            _unless(f"pg_roles WHERE rolname = {literal(role)}", f"CREATE ROLE {name(role)}"),
            f"ALTER ROLE {name(role)} LOGIN PASSWORD {literal(passwords[role])};",
        ]
    for database in databases:
        made, owner = name(database["name"]), name(database["role"])
        lines += [
            _unless(
                f"pg_database WHERE datname = {literal(database['name'])}",
                f"CREATE DATABASE {made} OWNER {owner} STRATEGY FILE_COPY",
            ),
            f"REVOKE CONNECT ON DATABASE {made} FROM PUBLIC;",
        ]
    return "\n".join(lines) + "\n"


def name(text: str) -> str:
    """As an identifier of SQL."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """As a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def program(name: str) -> str:
    """Of the newest version that is installed."""
    versions = sorted((int(p.name) for p in PROGRAMS.glob("[0-9]*")), reverse=True)
    if not versions:
        raise CannotStart(f"PostgreSQL is not installed: nothing under {PROGRAMS}")
    return f"{PROGRAMS / str(versions[0]) / 'bin' / name}"


def _unless(there: str, make: str) -> str:
    return f"SELECT {literal(make)} WHERE NOT EXISTS (SELECT FROM {there}) \\gexec"


def _roles(databases: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(database["role"] for database in databases))


def _lock(path: Path) -> None:
    """Held as long as this process, so also by PostgreSQL: two servers would ruin the data, and
    PostgreSQL itself only knows the processes of its own container."""
    try:
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CannotStart(f"another server uses {path.parent}: end that one first") from error
    except OSError as error:
        raise CannotStart(
            f"{path.parent} can't be written to by user {os.getuid()}: {error.strerror}"
        ) from error
    os.set_inheritable(held, True)


def _create(data: Path) -> None:
    """Half a folder, of a start that was cut off, has another name and is made again."""
    if data.exists():
        # Of a server that was killed. Nobody else has the data, but its number may be another's.
        (data / "postmaster.pid").unlink(missing_ok=True)
        return
    half = data.with_name("half-made")
    shutil.rmtree(half, ignore_errors=True)
    secret(SECRETS / SUPERUSER)
    done = subprocess.run(
        [program("initdb"), "-D", f"{half}", "-U", SUPERUSER, "-A", "scram-sha-256",
         f"--pwfile={SECRETS / SUPERUSER}", "--encoding=UTF8", "--locale=C.UTF-8"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotStart(f"PostgreSQL can't make its folder: {done.stderr.strip()}")
    half.rename(data)
    print(f"postgresql: made {data}", file=sys.stderr)


def _configure(values: Mapping[str, Any]) -> None:
    access = RUNTIME / "pg_hba.conf"
    access.write_text(render("platform/pg_hba.conf", network=values["network"]))
    (RUNTIME / "postgresql.conf").write_text(
        render(
            "platform/postgresql.conf",
            host=values["host"],
            port=values["port"],
            max_connections=values["max_connections"],
            hba_file=access,
        )
    )


def _options(data: Path) -> list[str]:
    return ["-D", f"{data}", "-c", f"config_file={RUNTIME / 'postgresql.conf'}"]


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """The server, for this process only: no address, a socket that nobody else reaches."""
    access = RUNTIME / "setup_hba.conf"
    access.write_text("local all all trust\n")
    own = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={RUNTIME}",
           "-c", f"hba_file={access}"]  # fmt: skip
    control = [program("pg_ctl"), "-D", f"{data}", "-s", "-w", "-t", f"{RECOVERY_S}"]
    options = " ".join([*_options(data)[2:], *own])
    try:
        done = subprocess.run([*control, "-o", options, "start"], check=False)
        if done.returncode:
            raise CannotStart(f"PostgreSQL does not start on {data}; its lines above say why")
        yield
    finally:
        if (data / "postmaster.pid").exists():
            subprocess.run([*control, "-m", "fast", "stop"], check=False)
        access.unlink()


def _psql(text: str) -> None:
    command = [program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", f"{RUNTIME}"]
    who = ["-U", SUPERUSER, "-d", "postgres"]
    done = subprocess.run([*command, *who], input=text, text=True, check=False)
    if done.returncode:
        raise CannotStart("roles and databases can't be made; psql's lines above say why")


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
