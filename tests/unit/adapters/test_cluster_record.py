from pathlib import Path

import pytest

from insurectl.adapters import cluster_record
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.cluster_values import DatabasePlace, Images
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadFile, BadInput, TargetNotReady
from insurectl.records import Deployment
from tests.fakes import tuning


@pytest.fixture
def state(tmp_path: Path) -> LocalState:
    return LocalState(tmp_path / "one")


def deployment(target: str = "kind") -> Deployment:
    return Deployment(
        name="one",
        target=target,
        deployed_at_s=1.0,
        took_s=2.0,
        edge_url="http://127.0.0.1:1",
        zones=(),
        costs={},
        tuning=tuning(),
        clients=1,
        credentials_file="",
        slots={},
    )


def ground(outside: Site | None = None) -> Ground:
    site = Site(zone="a", context="c", namespace="n", kubeconfig=Path("k"), pinned=True)
    return Ground(
        sites=(site,),
        outside=outside,
        database=DatabasePlace(host="db"),
        edge_url="http://e",
        edge_inside="http://i",
        gateways={"a": {"type": "NodePort", "nodePort": 30080}},
        gateway_urls={"a": ""},
        images=Images(tag="1"),
        notes=("said",),
    )


def test_the_ground_is_read_as_it_was_kept(state: LocalState) -> None:
    outside = Site(zone="", context="c", namespace="o")
    cluster_record.make(state)
    assert cluster_record.sites(state.folder) == ()
    cluster_record.keep_ground(state.folder, ground(outside))
    assert cluster_record.ground(state.folder) == ground(outside)
    assert [one.namespace for one in cluster_record.sites(state.folder)] == ["n", "o"]


def test_no_ground_is_told_with_what_to_do(state: LocalState) -> None:
    with pytest.raises(TargetNotReady, match=r"no system 'one' .*insurectl deploy"):
        cluster_record.ground(state.folder)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        pytest.param(cluster_record.GROUND, cluster_record.ground, id="ground"),
        pytest.param(cluster_record.PENDING, cluster_record.intended, id="tuning"),
        pytest.param(cluster_record.CHOICES, cluster_record.choices, id="choices"),
    ],
)
@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"'])
def test_a_record_that_was_spoilt_is_named(
    name: str, read: object, text: str, state: LocalState
) -> None:
    cluster_record.make(state)
    (state.folder / name).write_text(text)
    assert callable(read)
    with pytest.raises(BadFile, match=rf"{name}: is no record"):
        read(state.folder)


def test_what_is_meant_is_kept_until_it_is_in_force(state: LocalState) -> None:
    cluster_record.make(state)
    assert cluster_record.intended(state.folder) is None
    cluster_record.intend(state.folder, tuning(3))
    assert cluster_record.intended(state.folder) == tuning(3)
    cluster_record.settled(state, deployment(), 7)
    assert cluster_record.intended(state.folder) is None
    assert state.deployment() == deployment()
    cluster_record.settled(state, deployment(), 7)


def test_choices_come_back_as_settings_have_them(state: LocalState) -> None:
    cluster_record.make(state)
    assert cluster_record.choices(state.folder) == {}
    cluster_record.keep_choices(state.folder, {"context": ("x", "y"), "kubeconfig": Path("k")})
    assert cluster_record.choices(state.folder) == {"context": ["x", "y"], "kubeconfig": "k"}


def test_a_system_of_another_target_is_refused(state: LocalState) -> None:
    cluster_record.check_target(state, "kind")
    cluster_record.make(state)
    cluster_record.settled(state, deployment("local"), 7)
    cluster_record.check_target(state, "local")
    with pytest.raises(BadInput, match=r"on the target local, not on kind: take another --name"):
        cluster_record.check_target(state, "kind")


def test_passwords_are_made_once_and_for_the_owner_alone(state: LocalState) -> None:
    cluster_record.make(state)
    first = cluster_record.password(state, "core_app")
    assert len(first) > 20
    assert cluster_record.password(state, "core_app") == first
    assert cluster_record.password(state, "client_info") != first
    assert (state.secrets / "core_app").stat().st_mode & 0o777 == 0o600
    assert state.secrets.stat().st_mode & 0o777 == 0o700


def test_removing_leaves_nothing(state: LocalState) -> None:
    cluster_record.remove(state)
    cluster_record.make(state)
    cluster_record.password(state, "core_app")
    cluster_record.make(state)  # after one that died: what it made is not the user's
    cluster_record.keep_ground(state.folder, ground())
    (state.folder / "mounted" / "edge").mkdir(parents=True)
    cluster_record.remove(state)
    assert not state.folder.exists()


def test_removing_leaves_the_passwords_that_the_user_put_there(state: LocalState) -> None:
    state.secrets.mkdir(parents=True)
    (state.secrets / "core_app").write_text("theirs\n")
    for _ in range(2):
        cluster_record.make(state)
        assert cluster_record.password(state, "core_app") == "theirs"
        cluster_record.password(state, "client_info")
        cluster_record.settled(state, deployment(), 7)
        cluster_record.make(state)
        (state.folder / "mounted").mkdir()
        cluster_record.remove(state)
        left = [one for one in state.folder.rglob("*") if one.is_file()]
        assert left == [state.secrets / "core_app"]
