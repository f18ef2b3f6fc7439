"""Settings that were chosen at deploy, and what they lead to."""

import json
from pathlib import Path

import pytest

from insurectl import settings, wiring
from insurectl.adapters import cluster_record
from insurectl.adapters.chart_values import ChartChoices
from insurectl.adapters.cluster import ClusterTarget
from insurectl.adapters.kind import KindGroundwork
from insurectl.adapters.kubeconfig import KubeconfigGroundwork
from insurectl.adapters.local import LocalTarget
from insurectl.errors import BadFile, BadInput
from insurectl.ports import LoadJob, Target
from tests.fakes import ListProgress, scenario


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


def test_whoever_gives_another_prometheus_gives_it_whole(tmp_path: Path) -> None:
    deployed(
        tmp_path, prometheus_url="https://p", prometheus_token_file="/t", prometheus_labels="pod=p"
    )
    kept = wiring.as_deployed(load(tmp_path))
    assert (kept.prometheus_url, kept.prometheus_token_file) == ("https://p", "/t")
    same = wiring.as_deployed(load(tmp_path, prometheus_url="https://p"))
    assert same.prometheus_token_file == "/t"
    other = wiring.as_deployed(load(tmp_path, prometheus_url="https://other"))
    assert (other.prometheus_token_file, other.prometheus_labels) == ("", "")


def test_the_image_of_the_systems_own_prometheus_is_kept_whichever_is_asked(tmp_path: Path) -> None:
    deployed(tmp_path, prometheus_image="p:v3", prometheus_url="https://p")
    other = wiring.as_deployed(load(tmp_path, prometheus_url="https://other"))
    assert other.prometheus_image == "p:v3"


@pytest.mark.parametrize("name", ["kind", "kubeconfig"])
def test_what_was_chosen_of_the_chart_reaches_each_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"chart_values": "v.yaml", "prometheus_image": "p:v3", "context": "x"}
    found = target(load(tmp_path, target=name, **given))
    assert isinstance(found, ClusterTarget)
    wanted = ChartChoices(file=tmp_path / "v.yaml", prometheus_image="p:v3")
    assert found.chart == wanted
    assert found.choices["chart_values"] == f"{tmp_path}/v.yaml"
    if isinstance(found.groundwork, KubeconfigGroundwork):
        assert found.groundwork.chart == wanted


def test_a_file_that_is_named_from_here_is_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"kubeconfig": "k", "addons": "keda=charts/keda,metrics-server=https://m/x.yaml"}
    here = target(load(tmp_path, target="kind", prometheus_ca_file="ca", **given))
    assert isinstance(here, ClusterTarget)
    assert isinstance(here.groundwork, KindGroundwork)
    placed = (f"keda={tmp_path}/charts/keda", "metrics-server=https://m/x.yaml")
    assert here.choices["addons"] == here.groundwork.addons == placed
    assert here.choices["kubeconfig"] == f"{tmp_path}/k"
    assert here.choices["prometheus_ca_file"] == f"{tmp_path}/ca"
    assert here.choices["prometheus_token_file"] == ""


@pytest.mark.parametrize("addon", ["keda", "keda=", "keda=oci://k"])
def test_an_addon_that_is_no_file_stays_as_it_is(tmp_path: Path, addon: str) -> None:
    chosen = target(load(tmp_path, target="kind", addons=addon))
    assert isinstance(chosen, ClusterTarget)
    assert chosen.choices["addons"] == (addon,)


def test_where_load_comes_from_matters_only_when_some_is_played(tmp_path: Path) -> None:
    world = wiring.connect(load(tmp_path, load_from="cluster"), ListProgress())
    world.target.destroy(ListProgress())
    job = LoadJob(
        run_id="r", scenario=scenario(), base_url="http://127.0.0.1:1", rates=(1.0,), seed=7,
        scale=1.0, folder=tmp_path, processes=1, credentials_file="",
    )  # fmt: skip
    with pytest.raises(BadInput, match="the target local is no cluster"):
        world.engine.play(job, lambda second: None)


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
