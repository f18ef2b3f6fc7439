"""What a user may change: defaults < ``insurectl.yaml`` < ``INSURECTL_*`` < flags.

Each value remembers where it came from, so that ``config show --origin`` can say it. A setting
that there is not is an error in every layer, since a typo that is passed over would quietly give
another result than was asked for.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from insurectl.errors import BadFile, BadInput

FILE = Path("insurectl.yaml")
PREFIX = "INSURECTL_"
LISTS = ("allow_host", "context", "addons")  # as one text: separated by commas
ADDONS = (  # what the system needs of a new cluster: a manifest each
    "metrics-server=https://github.com/kubernetes-sigs/metrics-server/releases/download/v0.9.0/components.yaml",
    "keda=https://github.com/kedacore/keda/releases/download/v2.19.0/keda-2.19.0.yaml",
)
HOST_PORT = r"^$|^[A-Za-z0-9.-]+:[0-9]{1,5}$"
IMAGE = r"^$|^[a-zA-Z0-9][a-zA-Z0-9._/:-]*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"
MAX_SEED = 2**53  # above it not every whole number has a float, in which form YAML has some


def _address(url: str) -> str:
    """Of a server. What stands before an ``@`` would be seen in every record of a run."""
    if not url:
        return url
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"it is no URL: {error}") from None
    if not re.fullmatch(r"https?://\S+", url) or not parts.hostname:
        raise ValueError("wanted is http://HOST or https://HOST, with :PORT where it is another")
    if "@" in parts.netloc:
        raise ValueError("a name or password in it would be kept in every run; leave it out")
    if port == 0:
        raise ValueError("there is no port 0")
    return url


def _state(env: Mapping[str, str]) -> Path:
    base = Path(env.get("XDG_STATE_HOME", ""))
    if not base.is_absolute():  # the XDG specification says to ignore it then
        base = Path(env.get("HOME") or "~") / ".local" / "state"
    return base / "insurectl"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One value each, checked. ``origins``: setting -> ``default``, the file and its line, the
    variable's name, or ``flag``."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")] = "default"
    target: str = "local"
    state: Path = Path()
    reports: Path = Path("reports")
    scrape_interval_s: Annotated[float, Field(ge=0.5, le=60, allow_inf_nan=False)] = 2.0
    port_base: Annotated[int, Field(ge=1024, le=65000)] = 18000
    slot: Annotated[int, Field(ge=0, le=255)] | None = None
    load_processes: Annotated[int, Field(ge=1, le=64)] = 1
    clients: Annotated[int, Field(ge=1, le=10_000_000)] = 5000
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 7
    allow_host: tuple[str, ...] = ()
    # on clusters
    context: tuple[str, ...] = ()
    kubeconfig: str = ""
    registry: str = ""
    autoscaler: Literal["keda", "hpa"] = "keda"
    addons: tuple[str, ...] = ADDONS
    node_image: str = ""
    expose: Literal["node-port", "load-balancer"] = "node-port"
    external_postgresql: Annotated[str, Field(pattern=HOST_PORT)] = ""
    external_edge: Annotated[str, AfterValidator(_address)] = ""
    chart_values: str = ""
    prometheus_image: Annotated[str, Field(pattern=IMAGE)] = ""
    load_from: Literal["here", "cluster"] = "here"
    load_workers: Annotated[int, Field(ge=1, le=64)] = 2
    load_worker_cpu: Annotated[float, Field(ge=0.1, le=1, allow_inf_nan=False)] = 1.0
    # a Prometheus that is there already
    prometheus_url: str = ""
    prometheus_token_file: str = ""
    prometheus_ca_file: str = ""
    prometheus_labels: str = ""
    prometheus_matcher: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)

    def given(self, name: str) -> bool:
        """Whether somebody chose it for this call; else what was chosen at deploy may hold."""
        return self.origins.get(name, "default") != "default"


NAMES = tuple(one.name for one in fields(Settings) if one.name != "origins")


def load(flags: Mapping[str, object], env: Mapping[str, str], file: Path | None = None) -> Settings:
    """Layer the sources; a flag that is None was not given. BadFile or BadInput says which
    source has the bad value."""
    values: dict[str, Any] = {}
    origins = dict.fromkeys(NAMES, "default")
    default: _Source = {"state": (_state(env), "default", _Refusal("state"))}
    for source in (default, _from_file(file), _from_env(env), _from_flags(flags)):
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
    if name in LISTS and isinstance(raw, str):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    if isinstance(raw, bool):  # to pydantic `yes` is the number 1
        raise refusal.error(f"{raw} can't be used: no setting is just on or off")
    try:
        value = TypeAdapter[Any](kind).validate_python(raw)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise refusal.error(f"{_shown(raw)} can't be used: {reason}") from None
    return _folder(value, raw, refusal) if kind is Path else value


def _folder(path: Path, raw: object, refusal: _Refusal) -> Path:
    """A shell writes out ``~`` at the begin of a word only; in a file nobody does."""
    if not str(raw).strip() or "\0" in str(raw):
        raise refusal.error(f"{raw!r} is no folder")
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise refusal.error(f"{_shown(raw)} can't be used: {error}") from None


def _shown(raw: object) -> str:
    text = re.sub(r"//[^/\s]*@", "//...@", repr(raw))  # what may be a password is not repeated
    return text if len(text) <= 60 else f"{text[:57]}..."


def _from_file(file: Path | None) -> _Source:
    path = file or FILE
    node = _read(path, asked=file is not None)
    if node is None or node.tag.endswith(":null"):
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise BadFile(path, "it has to be settings with their values, such as `name: default`")
    found: _Source = {}
    for key_node, value_node in node.value:
        key, line = key_node.value, key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise BadFile(path, "the name of a setting has to be a text", line=line)
        if key not in NAMES:
            raise BadFile(path, _unknown(_shown(key), key, NAMES), line=line)
        if key in found:
            raise BadFile(path, f"{key}: it is there twice", line=line)
        found[key] = (_value(path, value_node, line), f"{path}:{line}", _Refusal(key, path, line))
    return found


def _read(path: Path, *, asked: bool) -> yaml.Node | None:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        if asked:
            raise BadInput(f"there is no file {path}") from None
        return None
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadFile(path, f"it is no YAML: {error.problem}", line=line) from None
    except RecursionError:
        raise BadFile(path, "it is nested too deeply") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise BadFile(path, f"it is no YAML: {error}") from None


def _value(path: Path, node: yaml.Node, line: int) -> Any:
    """Text, numbers, and lists of them: nothing else is a setting, and no tag makes an object."""
    parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not all(isinstance(part, yaml.ScalarNode) for part in parts):
        raise BadFile(path, "wanted is one value, or a list of values", line=line)
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # such as the date 2030-13-01
        told = error.problem if isinstance(error, yaml.MarkedYAMLError) else error
        raise BadFile(path, f"the value can't be read: {told}", line=line) from None
    finally:
        loader.dispose()


def _from_env(env: Mapping[str, str]) -> _Source:
    known = {PREFIX + name.upper(): name for name in NAMES}
    given = {key: value for key, value in env.items() if key.startswith(PREFIX) and value}
    for variable in given:
        if variable not in known:
            raise BadInput(f"{variable} is set, but {_unknown(variable, variable, tuple(known))}")
    return {
        known[variable]: (value, variable, _Refusal(variable)) for variable, value in given.items()
    }


def _from_flags(flags: Mapping[str, object]) -> _Source:
    return {
        name: (value, "flag", _Refusal(f"--{name.replace('_', '-')}"))
        for name, value in flags.items()
        if value is not None and value != [] and name in NAMES
    }


def _unknown(what: str, word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    guess = f"did you mean {near[0]}? There are: " if near else "there are: "
    return f"there is no setting {what}; {guess}{', '.join(known)}"
