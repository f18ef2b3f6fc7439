"""What a service is told, from its environment; the names are the same on every target."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Who this replica is and where it listens; times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="SERVICE_")

    name: str
    zone: str = "a"
    replica: int = 0
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    environment: str = Field(default="production", validation_alias="ENVIRONMENT")
    drain_delay_s: float = Field(default=1.0, ge=0, validation_alias="DRAIN_DELAY_S")
    drain_timeout_s: float = Field(default=20.0, ge=0, validation_alias="DRAIN_TIMEOUT_S")


class DatabaseSettings(BaseSettings):
    """One database, role and pool a service; the password is only ever read from a file."""

    model_config = SettingsConfigDict(env_prefix="DATABASE_")

    host: str
    port: int = 5432
    name: str
    user: str
    password_file: Path
    pool_size: int = Field(default=4, ge=1)

    def conninfo(self) -> dict[str, str | int]:
        """Keyword arguments of psycopg's ``connect``."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.name,
            "user": self.user,
            "password": self.password_file.read_text(encoding="utf-8").strip(),
            "connect_timeout": 5,
        }


class CostSettings(BaseSettings):
    """What every API request costs this replica; see ``cost.py``."""

    model_config = SettingsConfigDict(env_prefix="COST_")

    workers: int = Field(default=64, ge=1)
    worker_ms: float = Field(default=0.0, ge=0)
    worker_cv: float = Field(default=0.0, ge=0)
    lock_ms: float = Field(default=0.0, ge=0)
    cpu_ms: float = Field(default=0.0, ge=0)
    memory_mib: float = Field(default=0.0, ge=0)
    memory_hold_ms: float = Field(default=0.0, ge=0)
    start_s: float = Field(default=0.0, ge=0)
    seed: int = 0


class OutboxSettings(BaseSettings):
    """How the relay reads, publishes and prunes; see ``outbox.py``."""

    model_config = SettingsConfigDict(env_prefix="OUTBOX_")

    batch: int = Field(default=500, ge=1)
    pause_s: float = Field(default=0.02, gt=0)
    idle_pause_s: float = Field(default=0.2, gt=0)
    standby_pause_s: float = Field(default=1.0, gt=0)
    watch_s: float = Field(default=1.0, gt=0)
    prune_s: float = Field(default=5.0, gt=0)
    prune_batch: int = Field(default=5000, ge=1)
    gone_after_s: float = Field(default=24 * 3600.0, gt=0)


class InboxSettings(BaseSettings):
    """How a consumer takes, keeps and forgets; see ``inbox.py``."""

    model_config = SettingsConfigDict(env_prefix="INBOX_")

    batch: int = Field(default=100, ge=1)
    prefetch: int = Field(default=300, ge=1)
    retry_pause_s: float = Field(default=1.0, gt=0)
    watch_s: float = Field(default=2.0, gt=0)
    keep_s: float = Field(default=7 * 24 * 3600.0, gt=0)
    prune_batch: int = Field(default=5000, ge=1)
