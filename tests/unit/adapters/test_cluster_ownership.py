"""Fields that change hands and go back."""

from typing import Any

import pytest

from insurectl.adapters import cluster_ownership

MEMORY = ("spec", "containers", "name=core-app", "memory")
LEAST = ("spec", "minReplicas")
CONTAINER = 'k:{"name":"core-app"}'


def entry(manager: str, fields: dict[str, Any], operation: str = "Apply") -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": fields}}


def memory(**more: Any) -> dict[str, Any]:
    return {"f:containers": {CONTAINER: {".": {}, "f:memory": {}, **more}}}


BEFORE = [entry("argocd", {**memory(), "f:minReplicas": {}, "f:paused": {}})]
TAKEN = {
    "metadata": {
        "managedFields": [
            entry("argocd", {"f:containers": {CONTAINER: {".": {}}}, "f:paused": {}}),
            entry("insurectl", {**memory(), "f:minReplicas": {}}),
        ]
    }
}


def test_it_knows_its_own_fields_and_who_set_the_others() -> None:
    assert cluster_ownership.ours(TAKEN, [MEMORY, LEAST, ("spec", "paused")]) == [MEMORY, LEAST]
    assert cluster_ownership.who_set(TAKEN, ("spec", "paused")) == "argocd"
    assert cluster_ownership.who_set(TAKEN, ("spec", "none")) == "nobody that the object names"
    assert [one["manager"] for one in cluster_ownership.others(TAKEN)] == ["argocd"]


def test_all_given_back_is_as_it_was() -> None:
    found = cluster_ownership.given_back(TAKEN, BEFORE, [MEMORY, LEAST], all_of_it=True)
    assert found == BEFORE


def test_one_field_given_back_leaves_the_other() -> None:
    argocd, ours = cluster_ownership.given_back(TAKEN, BEFORE, [LEAST], all_of_it=False)
    assert argocd["fieldsV1"]["f:spec"]["f:minReplicas"] == {}
    assert ours["fieldsV1"]["f:spec"] == memory()


@pytest.mark.parametrize(
    "before", [pytest.param([], id="nobody had it"), pytest.param(BEFORE, id="its owner is gone")]
)
def test_what_has_no_entry_any_more(before: list[dict[str, Any]]) -> None:
    alone = {"metadata": {"managedFields": [entry("insurectl", {"f:minReplicas": {}})]}}
    found = cluster_ownership.given_back(alone, before, [LEAST], all_of_it=True)
    assert found == [entry("argocd", {"f:minReplicas": {}}) for _ in before]


def test_what_went_with_its_last_field_comes_back_with_it() -> None:
    fields = {"f:resources": {".": {}, "f:memory": {}}, "f:paused": {}}
    before = [entry("kubectl", fields, "Update")]
    taken = [entry("kubectl", {"f:paused": {}}, "Update"),
             entry("insurectl", {"f:resources": {"f:memory": {}}})]  # fmt: skip
    path = ("spec", "resources", "memory")
    found = {"metadata": {"managedFields": taken}}
    assert cluster_ownership.given_back(found, before, [path], all_of_it=True) == before


def test_what_was_read_is_not_changed() -> None:
    cluster_ownership.given_back(TAKEN, BEFORE, [MEMORY], all_of_it=False)
    assert TAKEN["metadata"]["managedFields"][1] == entry(
        "insurectl", {**memory(), "f:minReplicas": {}}
    )
