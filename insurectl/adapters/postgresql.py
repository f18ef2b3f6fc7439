"""The database server of a local system: made, started under an ordinary account, filled."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from insurectl.adapters import process
from insurectl.adapters.address_plan import Address
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.topology import Database
from insurectl.errors import BadInput, MissingOnMachine, TargetNotReady
from insurectl.records import Tuning

SUPERUSER = "insurectl"
ACCOUNT = "nobody"  # where user namespaces are not allowed
SHARED_MEMORY_LINE = 6  # of postmaster.pid: key and id of its System V segment


@dataclass(frozen=True)
class PostgreSQL:
    """One server. Root can't run PostgreSQL, so as root it runs in a user namespace."""

    state: LocalState
    address: Address

    @property
    def data(self) -> Path:
        """Its folder."""
        return data_folder(self.state)

    def command(self) -> list[str]:
        """What a supervisor runs."""
        conf = self.state.outside / "postgresql.conf"
        if _needs_account():
            conf = self.data / "insurectl.conf"
        return [*_prefix(), process.program("postgres"), "-D", f"{self.data}",
                "-c", f"config_file={conf}"]  # fmt: skip

    def create(self) -> None:
        """Make the folder, unless it is there; half a folder is made again."""
        if (self.data / "PG_VERSION").exists() and (self.data / "made").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        password = write_secret(self.state.secrets / SUPERUSER)
        self.data.mkdir(mode=0o700)
        password_file = self.data.parent / "password"
        password_file.write_text(password)
        password_file.chmod(0o600)
        if _needs_account():
            shutil.chown(self.data, ACCOUNT)
            shutil.chown(password_file, ACCOUNT)
        initdb = [
            *_prefix(),
            process.program("initdb"),
            "-D",
            f"{self.data}",
            "-A",
            "scram-sha-256",
        ]
        options = ["-U", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        done = subprocess.run(
            [*initdb, *options, f"--pwfile={password_file}"],
            cwd=self.data.parent, capture_output=True, text=True, check=False,
        )  # fmt: skip
        password_file.unlink()
        if done.returncode:
            raise MissingOnMachine(f"PostgreSQL can't make its folder: {done.stderr.strip()}")
        (self.data / "made").touch()

    def give_configuration(self) -> None:
        """Put the configuration where the account that runs the server can read it."""
        if _needs_account():
            for source, name in (
                ("postgresql.conf", "insurectl.conf"),
                ("pg_hba.conf", "pg_hba.conf"),
            ):
                text = (self.state.outside / source).read_text()
                (self.data / name).write_text(text.replace(f"{self.state.outside}", f"{self.data}"))
                shutil.chown(self.data / name, ACCOUNT)

    def ready(self) -> bool:
        """Whether it answers a query."""
        try:
            with self._connect("postgres") as connection:
                connection.execute("SELECT 1")
        except (psycopg.OperationalError, FileNotFoundError):
            return False
        return True

    def ensure(self, database: Database) -> None:
        """The database and its role, with the password of the role's secret file."""
        password = write_secret(self.state.secrets / database.role)
        role, name = sql.Identifier(database.role), sql.Identifier(database.name)
        with self._connect("postgres") as connection:
            if not _there(connection, "pg_roles WHERE rolname", database.role):
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
            change = sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(password))
            connection.execute(change)
            if not _there(connection, "pg_database WHERE datname", database.name):
                # copied file by file: quicker than logging each block of a new database
                create = "CREATE DATABASE {} OWNER {} STRATEGY FILE_COPY"
                connection.execute(sql.SQL(create).format(name, role))
            revoke = "REVOKE CONNECT ON DATABASE {} FROM PUBLIC"
            connection.execute(sql.SQL(revoke).format(name))

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=self.address.host, port=self.address.port, user=SUPERUSER, dbname=database,
            password=(self.state.secrets / SUPERUSER).read_text().strip(),
            connect_timeout=2, autocommit=True,
        )  # fmt: skip


def end(state: LocalState) -> None:
    """Stop it at once but cleanly, should it run, and free what it holds of shared memory."""
    data = data_folder(state)
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return
    server = None
    if lines:  # it has just been begun to be written otherwise
        with suppress(psutil.NoSuchProcess):
            server = psutil.Process(abs(int(lines[0])))  # negative: initdb's own
    if server and process.runs_below(server, data):
        process.send([server], signal.SIGCONT)
        process.send([server], signal.SIGINT)
        process.wait([server], 5.0)
    process.kill(process.below(data))
    if len(lines) > SHARED_MEMORY_LINE and (data / "postmaster.pid").exists():
        # killed, it could not remove its segment; no segment any more is fine
        segment = lines[SHARED_MEMORY_LINE].split()[1]
        subprocess.run(["ipcrm", "-m", segment], capture_output=True, check=False)


def check_connections(
    tuning: Tuning, databases: dict[str, Database], zones: int, allowed: int
) -> None:
    """BadInput when all replicas that may run need more connections than the server gives."""
    needed = {
        name: (database.pool + database.apart) * zones * _most_replicas(tuning, name)
        for name, database in databases.items()
    }
    if sum(needed.values()) > allowed:
        each = ", ".join(f"{name} {count}" for name, count in needed.items())
        raise BadInput(
            f"services may need {sum(needed.values())} connections ({each}) over {zones} zones, "
            f"PostgreSQL gives {allowed}: fewer replicas at most, or smaller pools"
        )


def write_secret(path: Path) -> str:
    """The secret in the file; a new random one when there is no file yet."""
    if not path.exists():
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text().strip()


def _most_replicas(tuning: Tuning, service: str) -> int:
    found = tuning.of(service)
    return found.autoscaling.max_replicas if found.autoscaling else found.replicas


def _there(connection: psycopg.Connection, where: str, name: str) -> bool:
    query = sql.SQL(f"SELECT 1 FROM {where} = %s")
    return connection.execute(query, (name,)).fetchone() is not None


def data_folder(state: LocalState) -> Path:
    """Where only another account may run the server, a folder that this account can reach."""
    return state.runtime / "postgresql" if _needs_account() else state.data


def _prefix() -> list[str]:
    if os.geteuid() != 0:
        return []
    if not _needs_account():
        return ["unshare", "-U", "--map-user=65534", "--map-group=65534"]
    return ["setpriv", f"--reuid={ACCOUNT}", "--regid=nogroup", "--clear-groups"]


@cache
def _needs_account() -> bool:
    """Root on a machine that allows no user namespace."""
    if os.geteuid() != 0:
        return False
    tried = ["unshare", "-U", "--map-user=65534", "--map-group=65534", "true"]
    return subprocess.run(tried, capture_output=True, check=False).returncode != 0


def wait_ready(server: PostgreSQL, attempts: int, pause: Callable[[float], None]) -> None:
    """TargetNotReady when it does not answer in time."""
    for _ in range(attempts):
        if server.ready():
            return
        pause(0.1)
    raise TargetNotReady(
        f"PostgreSQL does not answer at {server.address}; "
        f"see {server.state.outside / 'log' / 'postgresql.log'}"
    )
