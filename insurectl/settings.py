"""What a user may change: defaults < ``insurectl.yaml`` < ``INSURECTL_*`` < flags.

Each value remembers where it came from, so that ``config show --origin`` can say it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from insurectl.errors import BadFile, BadInput

FILE = Path("insurectl.yaml")
PREFIX = "INSURECTL_"
LISTS = ("allow_host",)  # in a variable or a flag: separated by commas


def _state(env: Mapping[str, str]) -> Path:
    base = env.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "insurectl"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One value each, checked. ``origins``: setting -> ``default``, the file and its line, the
    variable's name, or ``flag``."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")] = "default"
    target: str = "local"
    state: Path = Path()
    reports: Path = Path("reports")
    scrape_interval_s: Annotated[float, Field(ge=0.5, le=60)] = 2.0
    port_base: Annotated[int, Field(ge=1024, le=65000)] = 18000
    slot: Annotated[int, Field(ge=0, le=255)] | None = None
    load_processes: Annotated[int, Field(ge=1, le=64)] = 1
    clients: Annotated[int, Field(ge=1)] = 5000
    seed: int = 7
    allow_host: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)


NAMES = tuple(one.name for one in fields(Settings) if one.name != "origins")


def load(flags: Mapping[str, object], env: Mapping[str, str], file: Path | None = None) -> Settings:
    """Layer the sources; a flag that is None was not given. BadFile or BadInput says which
    source has the bad value."""
    values: dict[str, Any] = {"state": _state(env)}
    origins = dict.fromkeys(NAMES, "default")
    for source in (_from_file(file), _from_env(env), _from_flags(flags)):
        for name, (raw, origin, refuse) in source.items():
            values[name] = _checked(name, raw, refuse)
            origins[name] = origin
    return Settings(**values, origins=origins)


@dataclass(frozen=True)
class _Refusal:
    """How a source says that its value can't be used."""

    what: str
    path: Path | None = None
    line: int | None = None

    def error(self, message: str) -> BadInput:
        if self.path is not None:
            return BadFile(self.path, f"{self.what}: {message}", line=self.line)
        return BadInput(f"{self.what}: {message}")


_Source = dict[str, tuple[Any, str, _Refusal]]


def _checked(name: str, raw: Any, refusal: _Refusal) -> Any:
    kind = get_type_hints(Settings, include_extras=True)[name]
    try:
        return TypeAdapter[Any](kind).validate_python(raw)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise refusal.error(f"{raw!r} can't be used: {reason}") from None


def _from_file(file: Path | None) -> _Source:
    path = file or FILE
    if not path.exists():
        if file is not None:
            raise BadInput(f"there is no file {file}")
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadFile(path, f"it is no YAML: {error.problem}", line=line) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadFile(path, f"it is no YAML: {error}") from None
    if node is None:
        return {}
    if not isinstance(content, dict) or not isinstance(node, yaml.MappingNode):
        raise BadFile(path, "it has to be settings with their values, such as `name: default`")
    found: _Source = {}
    for key_node, _ in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key not in NAMES:
            raise BadFile(path, f"no setting {key!r}; there are {', '.join(NAMES)}", line=line)
        found[key] = (content[key], f"{path}:{line}", _Refusal(key, path, line))
    return found


def _from_env(env: Mapping[str, str]) -> _Source:
    found: _Source = {}
    for name in NAMES:
        variable = PREFIX + name.upper()
        if env.get(variable):
            raw = _split(env[variable]) if name in LISTS else env[variable]
            found[name] = (raw, variable, _Refusal(variable))
    return found


def _from_flags(flags: Mapping[str, object]) -> _Source:
    return {
        name: (value, "flag", _Refusal(f"--{name.replace('_', '-')}"))
        for name, value in flags.items()
        if value is not None and value != [] and name in NAMES
    }


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
