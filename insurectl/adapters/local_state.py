"""The folder of one system on this machine: what lies where."""

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from insurectl.errors import BadFile, BadInput, MissingOnMachine, TargetNotReady
from insurectl.records import Deployment, Tuning

SOCKET_PATH_BYTES = 107  # sun_path of unix(7), less its closing zero
LONGEST_FOLDER = 3000  # bytes; the kernel's limit for a path is 4096
UNUSABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
Record = TypeVar("Record")


@dataclass(frozen=True)
class LocalState:
    """Paths only; ``folder`` need not be there yet."""

    folder: Path

    @property
    def outside(self) -> Path:
        """What stands beside the zones."""
        return self.folder / "outside"

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.outside / "postgresql"

    @property
    def secrets(self) -> Path:
        """Files of mode 0600, one secret a file."""
        return self.folder / "secrets"

    @property
    def partner_keys(self) -> Path:
        """One raw API key a line."""
        return self.secrets / "partner-keys.txt"

    @property
    def credentials(self) -> Path:
        """What a generator of load may use: partners' keys, the key that signs tokens."""
        return self.folder / "credentials.json"

    @property
    def runtime(self) -> Path:
        """For sockets: a path short enough for any of them, wherever the state lies."""
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        return Path("/tmp") / f"insurectl-{os.getuid()}" / digest

    def zone(self, zone: str) -> Path:
        """One zone's folder."""
        return self.folder / "zones" / zone

    def place(self, zone: str | None) -> Path:
        """The zone's folder, or the one of what stands beside the zones."""
        return self.outside if zone is None else self.zone(zone)

    def socket(self, name: str) -> Path:
        """Where a socket of that name belongs."""
        path = self.runtime / f"{name}.sock"
        if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
            raise MissingOnMachine(f"{path} is too long for a socket: give it a shorter name")
        return path

    def make(self, zones: Iterable[str] = ()) -> None:
        """Every folder, those of the zones when they are known.

        MissingOnMachine when somebody else owns the one for sockets.
        """
        if len(os.fsencode(self.folder)) > LONGEST_FOLDER:
            raise BadInput(
                f"{self.folder} is too long a path: set INSURECTL_STATE to a shorter one"
            )
        with self._of_ours():
            self._make(tuple(zones))

    @contextmanager
    def _of_ours(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in UNUSABLE:
                raise
            raise BadInput(
                f"{error.filename or self.folder}: {error.strerror}; set INSURECTL_STATE to a "
                "folder that you may write"
            ) from error

    def _make(self, zones: tuple[str, ...]) -> None:
        for folder in (self.outside, *map(self.zone, zones)):
            (folder / "log").mkdir(parents=True, exist_ok=True)
        for zone in zones:
            (self.zone(zone) / "targets").mkdir(exist_ok=True)
            (self.zone(zone) / "nginx-temp").mkdir(exist_ok=True)
            for server in (
                "rabbitmq",
                "redis-0",
                "redis-1",
                "sentinel-0",
                "sentinel-1",
                "sentinel-2",
            ):
                (self.zone(zone) / server).mkdir(mode=0o700, exist_ok=True)
        self.secrets.mkdir(mode=0o700, exist_ok=True)
        # 0711: PostgreSQL may run under another account and must reach below
        self.runtime.parent.mkdir(mode=0o711, exist_ok=True)
        if self.runtime.parent.stat().st_uid != os.getuid():
            raise MissingOnMachine(f"{self.runtime.parent} belongs to another user: remove it")
        self.runtime.mkdir(mode=0o711, exist_ok=True)

    def deployment(self) -> Deployment:
        """TargetNotReady when nothing was deployed."""
        path = self.folder / "deployment.json"
        try:
            with self._of_ours():
                content = path.read_bytes()
            return TypeAdapter(Deployment).validate_json(content)
        except FileNotFoundError:
            raise TargetNotReady(
                f"no system {self.folder.name!r} is deployed here; insurectl deploy brings one up"
            ) from None
        except ValidationError as error:
            raise BadFile(
                path, "no record that this insurectl knows: insurectl destroy, then deploy again"
            ) from error

    def seed(self) -> int:
        """What chance was seeded with at deploy."""
        return int((self.folder / "seed").read_text())

    def keep(self, deployment: Deployment, seed: int) -> None:
        """Keep the record and, for the zone agents, its tuning."""
        (self.folder / "seed").write_text(f"{seed}")
        write_record(self.folder / "tuning.json", Tuning, deployment.tuning)
        write_record(self.folder / "deployment.json", Deployment, deployment)


def write_record(path: Path, kind: type[Record], record: Record) -> None:
    """Whole or not at all: a reader never sees half a file."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(TypeAdapter(kind).dump_json(record, indent=2))
    beside.replace(path)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One at a time, over processes; the lock lies on the folder itself and leaves no file."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
