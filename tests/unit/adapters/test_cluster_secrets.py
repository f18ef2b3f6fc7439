"""Passwords that are given."""

from pathlib import Path

import pytest

from insurectl.adapters import service_secrets, topology
from insurectl.adapters.cluster_secrets import check_given, of_services, revision
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadInput

ROLES = ("core_app", "client_info")


@pytest.fixture
def state(tmp_path: Path) -> LocalState:
    """Both are given as they should be."""
    found = LocalState(tmp_path)
    found.secrets.mkdir()
    for role in ROLES:
        (found.secrets / role).touch(mode=0o600)
        (found.secrets / role).write_text(f"of-{role}\n")
    return found


def test_files_of_their_owner_alone_are_taken(state: LocalState) -> None:
    check_given(state, "db:5432", ROLES)


def test_a_missing_one_is_told_with_what_the_database_needs(state: LocalState) -> None:
    (state.secrets / "client_info").unlink()
    with pytest.raises(BadInput, match=r"db:5432 .*: client_info \(databases and roles of these"):
        check_given(state, "db:5432", ROLES)


def test_one_that_others_may_read_is_refused(state: LocalState) -> None:
    (state.secrets / "core_app").chmod(0o640)
    with pytest.raises(BadInput, match=r"chmod 600 \S+/core_app$"):
        check_given(state, "db:5432", ROLES)


def test_an_empty_one_is_refused(state: LocalState) -> None:
    (state.secrets / "core_app").write_text("\n")
    with pytest.raises(BadInput, match=r"no password in \S+/core_app$"):
        check_given(state, "db:5432", ROLES)


def test_services_have_the_same_secrets_after_every_deploy(state: LocalState) -> None:
    known = topology.bundled()
    first = of_services(state, known)
    assert of_services(state, known) == first
    assert set(first) == set(service_secrets.needed(known))
    for name in first:
        assert (state.secrets / name).stat().st_mode & 0o777 == 0o600


def test_a_callee_knows_a_callers_secret_by_its_hash_alone(state: LocalState) -> None:
    first = of_services(state, topology.bundled())
    (state.secrets / "call-core-app").write_text("another")
    second = of_services(state, topology.bundled())
    changed = {name for name, content in first.items() if second[name] != content}
    assert changed == {"call-core-app", "callers-client-info", "callers-osago-aggregator"}
    assert "another" not in second["callers-client-info"]


def test_a_new_password_is_another_revision_and_only_that(state: LocalState) -> None:
    first = revision(state, {"core_app": "one", "client_info": "two"})
    assert revision(state, {"client_info": "two", "core_app": "one"}) == first
    assert revision(state, {"core_app": "new", "client_info": "two"}) != first


def test_a_revision_tells_nothing_to_who_tries_passwords(state: LocalState, tmp_path: Path) -> None:
    other = LocalState(tmp_path / "other")
    other.folder.mkdir()
    assert revision(state, {"core_app": "one"}) != revision(other, {"core_app": "one"})
    assert (state.folder / "revision-key").stat().st_mode & 0o777 == 0o600
