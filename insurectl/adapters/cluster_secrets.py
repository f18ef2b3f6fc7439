"""Passwords of a PostgreSQL that stands already: they are given in files, and a new one has to
reach the pods."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence

from insurectl.adapters.local_state import LocalState
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


def revision(state: LocalState, passwords: Mapping[str, str]) -> str:
    """Another one when a password is. It stands in the pods' annotations, where many may look, so
    nobody can try passwords on it without a key that stays on this machine."""
    path = state.folder / KEY
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    told = json.dumps(dict(passwords), sort_keys=True).encode()
    digest = hmac.new(path.read_bytes(), told, hashlib.sha256).hexdigest()
    return f"r{digest[:16]}"  # a letter first: YAML might take digits with an e for a number
