"""Where the workers of a load from inside stand."""

from dataclasses import replace
from pathlib import Path

import pytest

from insurectl.adapters import cluster_record, fault_journal
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.cluster_load import LoadFromInside, inside, place
from insurectl.adapters.cluster_values import Images
from insurectl.errors import BadInput
from insurectl.ports import LoadJob
from insurectl.records import Fault, PlannedFault
from tests.fakes import scenario

EDGE = "http://10.0.0.1:80"


def ground(*contexts: str) -> Ground:
    """A zone for each context: a, b, c."""
    zones = "abc"[: len(contexts)]
    return Ground(
        sites=tuple(
            Site(zone=zone, context=context, namespace=f"insure-x-{zone}")
            for zone, context in zip(zones, contexts, strict=True)
        ),
        outside=None,
        database=None,
        edge_url=EDGE,
        edge_inside="http://edge.insure-x.svc:8080",
        gateways={},
        gateway_urls={zone: f"http://gateway.{zone}" for zone in zones},
        images=Images(tag="1"),
    )


ONE, EACH = ground("k", "k", "k"), ground("k1", "k2", "k3")


@pytest.mark.parametrize(
    ("where", "url", "planned", "away", "zone"),
    [
        pytest.param(ONE, EDGE, "", "", "a", id="the first"),
        pytest.param(ONE, EDGE, "a", "", "b", id="not one that will be taken away"),
        pytest.param(ONE, EDGE, "b", "a", "c", id="nor one that is away"),
        pytest.param(EACH, EDGE, "a", "", "b", id="the edge is known everywhere"),
        pytest.param(EACH, "http://gateway.c", "", "", "c", id="a gateway, in its own cluster"),
        pytest.param(ONE, "http://gateway.c", "", "", "a", id="or beside it"),
    ],
)
def test_workers_stand_in_a_zone_that_stays(
    where: Ground, url: str, planned: str, away: str, zone: str
) -> None:
    assert place(where, url, planned=planned, away=away).zone == zone


def test_an_entrance_is_called_as_the_workers_own_cluster_knows_it() -> None:
    b = EACH.sites[1]
    assert inside(EACH, b, EDGE) == "http://edge.insure-x.svc:8080"
    assert inside(EACH, b, "http://gateway.b") == "http://gateway.insure-x-b:8080"
    assert inside(ONE, ONE.sites[1], "http://gateway.a") == "http://gateway.insure-x-a:8080"
    with pytest.raises(BadInput, match=r"gateway\.a is not an entrance .* its cluster knows"):
        inside(EACH, b, "http://gateway.a")


def test_a_load_whose_every_zone_goes_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    cluster_record.keep_ground(folder, ground("k", "k"))
    fault_journal.begin(folder, Fault(zone="b", kind="kill", began_s=1.0))
    planned = PlannedFault(at_s=5.0, until_s=None, zone="a", kind="kill")
    job = LoadJob(
        run_id="r",
        scenario=replace(scenario(), faults=(planned,)),
        base_url=EDGE,
        rates=(1.0,),
        seed=1,
        scale=1.0,
        folder=tmp_path,
        processes=1,
        credentials_file="",
    )
    with pytest.raises(BadInput, match="b is away, a is to be taken away: play it from here"):
        LoadFromInside(folder, workers=1, cpu=0.5).play(job, lambda _: None)
