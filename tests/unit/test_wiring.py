"""Settings that were chosen at deploy, and what they lead to."""

import json
from pathlib import Path

import pytest

from insurectl import settings, wiring
from insurectl.adapters import cluster_record
from insurectl.adapters.cluster import ClusterTarget
from insurectl.adapters.kind import KindGroundwork
from insurectl.adapters.kubeconfig import KubeconfigGroundwork
from insurectl.adapters.local import LocalTarget
from insurectl.errors import BadFile, BadInput
from insurectl.ports import Target
from tests.fakes import ListProgress


def load(state: Path, **given: str) -> settings.Settings:
    env = {f"INSURECTL_{name.upper()}": value for name, value in given.items()}
    return settings.load({"state": state}, env)


def deployed(state: Path, **chosen: object) -> None:
    folder = state / "default"
    folder.mkdir(parents=True)
    cluster_record.keep_choices(folder, chosen)


def target(loaded: settings.Settings) -> Target:
    return wiring.connect(loaded, ListProgress()).target


def test_what_was_never_deployed_is_as_the_settings_say(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    assert wiring.as_deployed(loaded) == loaded


def test_a_choice_at_deploy_holds_for_later_commands(tmp_path: Path) -> None:
    deployed(tmp_path, target="kubeconfig", context=("x", "y"), scrape_interval_s=5.0)
    found = wiring.as_deployed(load(tmp_path))
    assert (found.target, found.context, found.scrape_interval_s) == ("kubeconfig", ("x", "y"), 5.0)


def test_unless_somebody_says_otherwise_now(tmp_path: Path) -> None:
    deployed(tmp_path, target="kind", registry="one", autoscaler="hpa")
    found = wiring.as_deployed(load(tmp_path, registry="two"))
    assert (found.target, found.registry, found.autoscaler) == ("kind", "two", "hpa")


def test_what_is_no_choice_of_a_deploy_is_passed_over(tmp_path: Path) -> None:
    deployed(tmp_path, seed=99, name="other", target="kind")
    found = wiring.as_deployed(load(tmp_path))
    assert (found.seed, found.name, found.target) == (7, "default", "kind")


def test_choices_are_those_of_the_named_system(tmp_path: Path) -> None:
    deployed(tmp_path, target="kind")
    assert wiring.as_deployed(load(tmp_path, name="another")).target == "local"


def test_choices_that_were_spoilt_are_named(tmp_path: Path) -> None:
    deployed(tmp_path)
    (tmp_path / "default" / cluster_record.CHOICES).write_text("{")
    with pytest.raises(BadFile, match=r"choices.json: is no record"):
        wiring.as_deployed(load(tmp_path))


def test_every_choice_is_a_setting() -> None:
    assert set(wiring.CHOICES) <= set(settings.NAMES)


def test_choices_survive_being_kept(tmp_path: Path) -> None:
    chosen = load(tmp_path, target="kubeconfig", context="x,y", addons="keda=oci://k")
    kept = {name: getattr(chosen, name) for name in wiring.CHOICES}
    deployed(tmp_path, **kept)
    assert json.loads((tmp_path / "default" / cluster_record.CHOICES).read_text())
    later = wiring.as_deployed(load(tmp_path))
    assert {name: getattr(later, name) for name in wiring.CHOICES} == kept


def test_a_target_that_there_is_not_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no target 'nomad'; there are: local, kind, kubeconfig"):
        target(load(tmp_path, target="nomad"))


def test_each_target_is_told_what_was_set(tmp_path: Path) -> None:
    assert isinstance(target(load(tmp_path)), LocalTarget)
    on_kind = target(load(tmp_path, target="kind", node_image="n:1", autoscaler="hpa"))
    assert isinstance(on_kind, ClusterTarget)
    assert isinstance(on_kind.groundwork, KindGroundwork)
    assert (on_kind.groundwork.node_image, on_kind.provider) == ("n:1", "hpa")
    given = {"external_postgresql": "db:5432", "external_edge": "http://e", "context": "x,y"}
    there = target(load(tmp_path, target="kubeconfig", kubeconfig="~/k", **given))
    assert isinstance(there, ClusterTarget)
    assert isinstance(there.groundwork, KubeconfigGroundwork)
    assert there.groundwork.contexts == ("x", "y")
    assert there.groundwork.kubeconfig == Path("~/k").expanduser()
    assert there.groundwork.external_postgresql == "db:5432"
