"""Secrets of a system in clusters: passwords of a PostgreSQL that stands already are given in
files; by which services and people are known is made here. A new one has to reach the pods."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence

from insurectl.adapters import local_secrets, service_secrets
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.topology import Topology
from insurectl.errors import BadInput

KEY = "revision-key"
OTHERS = 0o077


def check_given(state: LocalState, postgresql: str, roles: Sequence[str]) -> None:
    """BadInput for a role whose file is missing, empty or open to others. ``postgresql``: its
    HOST:PORT."""
    paths = [state.secrets / role for role in roles]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise BadInput(
            f"PostgreSQL at {postgresql} is given, so its passwords must be: put each into a file "
            f"of mode 0600 under {state.secrets}: {', '.join(missing)} (databases and roles of "
            "these names must be there too: insurectl makes none in a PostgreSQL that is given)"
        )
    if shown := [f"{path}" for path in paths if path.stat().st_mode & OTHERS]:
        raise BadInput(f"others may read these passwords: chmod 600 {' '.join(shown)}")
    if empty := [f"{path}" for path in paths if not path.read_text().strip()]:
        raise BadInput(f"no password in {', '.join(empty)}")


def of_services(state: LocalState, known: Topology) -> dict[str, str]:
    """File -> content: the same in every zone, and after every deploy from this machine."""
    local_secrets.settle(state, known)
    names = service_secrets.needed(known)
    return {name: (state.secrets / name).read_text() for name in names}


def revision(state: LocalState, told: Mapping[str, str]) -> str:
    """Another one when a password or another secret is. It stands in the pods' annotations, where
    many may look, so nobody can try passwords on it without a key that stays on this machine."""
    path = state.folder / KEY
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    content = json.dumps(dict(told), sort_keys=True).encode()
    digest = hmac.new(path.read_bytes(), content, hashlib.sha256).hexdigest()
    return f"r{digest[:16]}"  # a letter first: YAML might take digits with an e for a number
