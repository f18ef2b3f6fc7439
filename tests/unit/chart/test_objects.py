"""What holds for every object, whatever the values."""

import json
from collections import Counter
from typing import Any

import pytest

from insurectl.adapters import service_secrets, topology
from tests.unit.chart.rendered import (
    kinds,
    named,
    needs_helm,
    objects,
    outside,
    pods,
    service,
    service_names,
)
from tests.unit.chart.typed import faults
from tests.unit.chart.variants import ANOTHER, EXTERNAL, PLACED, VARIANTS, namespace

pytestmark = [pytest.mark.cluster, needs_helm]
variants = pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
SETS = {"postgresql", "rabbitmq", "redis", "sentinel"}
CUSTOM = {"ScaledObject"}  # their types are the cluster's: the server-side dry run has them
CLUSTER_WIDE = {"PriorityClass", "ClusterRole", "ClusterRoleBinding", "Namespace"}


@variants
def test_objects_are_what_their_type_says(values: dict[str, Any]) -> None:
    found = objects(values, namespace(values))
    told = [fault for one in found if one["kind"] not in CUSTOM for fault in faults(one)]
    assert told == []


def test_new_passwords_roll_the_pods_that_read_them_and_no_other() -> None:
    first, second = (
        {where: meta for where, meta, _ in pods(objects({"secrets": {"revision": revision}}))}
        for revision in ("r1", "r2")
    )
    changed = {where for where, meta in first.items() if second[where] != meta}
    servers = {f"StatefulSet/{name}" for name in ("redis", "sentinel", "rabbitmq")}
    assert changed == {f"Deployment/{name}" for name in service_names()} | servers


@variants
def test_no_name_is_there_twice(values: dict[str, Any]) -> None:
    counted = Counter((o["kind"], o["metadata"]["name"]) for o in objects(values))
    assert [name for name, count in counted.items() if count > 1] == []


@variants
def test_containers_say_what_they_take(values: dict[str, Any]) -> None:
    for where, _, spec in pods(objects(values)):
        for container in spec["containers"]:
            resources = container["resources"]
            assert {"cpu", "memory"} <= set(resources["requests"]), where
            assert "memory" in resources["limits"], where


@variants
def test_pods_are_restricted(values: dict[str, Any]) -> None:
    for where, _, spec in pods(objects(values)):
        security = spec["securityContext"]
        user = 65534 if where == "Deployment/prometheus" else 10001
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, user), where
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, where
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, where


@variants
def test_only_who_asks_the_api_server_has_a_token(values: dict[str, Any]) -> None:
    for where, _, spec in pods(objects(values)):
        asks = where in {"Deployment/prometheus", "Deployment/zone-agent"}
        assert spec["automountServiceAccountToken"] is asks, where
        assert ("serviceAccountName" in spec) is asks, where


@variants
def test_selectors_find_their_pods(values: dict[str, Any]) -> None:
    found = objects(values)
    labels = [metadata["labels"] for _, metadata, _ in pods(found)]
    for one in found:
        selector = one.get("spec", {}).get("selector")
        if selector:
            wanted = selector.get("matchLabels", selector)
            assert any(wanted.items() <= its.items() for its in labels), one["metadata"]["name"]


@variants
def test_services_lead_to_ports_that_are_there(values: dict[str, Any]) -> None:
    found = objects(values)
    for one in (o for o in found if o["kind"] == "Service"):
        name = one["metadata"]["name"]
        kind = "StatefulSet" if name in SETS else "Deployment"
        (container,) = named(found, kind, name)["spec"]["template"]["spec"]["containers"]
        ports = {port["name"] for port in container["ports"]}
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports


@variants
def test_mounts_have_volumes(values: dict[str, Any]) -> None:
    found = objects(values)
    claims = {
        t["metadata"]["name"]
        for o in found
        for t in o.get("spec", {}).get("volumeClaimTemplates", ())
    }
    for where, _, spec in pods(found):
        mounts = {m["name"] for c in spec["containers"] for m in c["volumeMounts"]}
        assert mounts <= {v["name"] for v in spec["volumes"]} | claims, where


@variants
def test_no_replica_is_missing_while_pods_change(values: dict[str, Any]) -> None:
    found = objects(values)
    for one in (o for o in found if o["kind"] == "Deployment"):
        strategy = one["spec"]["strategy"]
        if one["metadata"]["name"] == "prometheus":  # two would want the same data
            assert strategy == {"type": "Recreate"}
        else:
            assert strategy["rollingUpdate"]["maxUnavailable"] == 0


def test_a_pod_that_leaves_has_time_to_finish() -> None:
    spec = named(objects(), "Deployment", "core-app")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    env = {one["name"]: one["value"] for one in container["env"]}
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "10"]
    assert (env["DRAIN_DELAY_S"], env["DRAIN_TIMEOUT_S"]) == ("0", "20")
    assert spec["terminationGracePeriodSeconds"] == 10 + 20 + 5


def test_without_cluster_parts_all_is_in_the_namespace() -> None:
    found = objects()
    assert CLUSTER_WIDE.isdisjoint(o["kind"] for o in found)
    assert {o["metadata"]["namespace"] for o in found} == {"insure-default-a"}


def test_cluster_parts_are_a_priority_and_no_rights() -> None:
    found = objects(PLACED)
    assert [o["kind"] for o in found if o["kind"] in CLUSTER_WIDE] == ["PriorityClass"]
    spec = named(found, "Deployment", "core-app")["spec"]["template"]["spec"]
    assert (
        spec["priorityClassName"]
        == named(found, "PriorityClass", "insure-default-a")["metadata"]["name"]
    )


def test_a_service_more_is_one_entry_more() -> None:
    found = objects(service("another", **ANOTHER))
    for kind in ("Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"):
        assert "another" in kinds(found, kind)
    assert "migrate-another" in kinds(found, "Job")
    config = named(found, "ConfigMap", "prometheus")["data"]["prometheus.yml"]
    assert f'"{"|".join(sorted(["another", *service_names()]))}"' in config


@pytest.mark.parametrize(
    ("changed", "replicas"),
    [
        pytest.param({}, None, id="autoscaled"),
        pytest.param({"replicas": 3}, None, id="autoscaled, whatever is said"),
        pytest.param({"autoscaling": None}, None, id="owned by insurectl"),
        pytest.param({"autoscaling": None, "replicas": 3}, 3, id="fixed"),
        pytest.param({"autoscaling": None, "replicas": 0}, 0, id="none"),
    ],
)
def test_the_manifest_names_replicas_only_where_nobody_else_does(
    changed: dict[str, Any], replicas: int | None
) -> None:
    deployment = named(objects(service("core-app", **changed)), "Deployment", "core-app")
    assert deployment["spec"].get("replicas") == replicas


def test_what_is_there_already_is_not_deployed() -> None:
    zone = objects({"external": EXTERNAL})
    assert "prometheus" not in kinds(zone, "Deployment")
    assert "prometheus" not in kinds(zone, "ServiceAccount")
    spec = named(zone, "Deployment", "core-app")["spec"]["template"]["spec"]
    env = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
    assert (env["DATABASE_HOST"], env["DATABASE_PORT"]) == ("db.example.org", "5433")
    beside = outside({"external": EXTERNAL})
    assert kinds(beside, "Deployment") == kinds(beside, "StatefulSet") == []


@pytest.mark.parametrize(
    ("values", "name", "rolls"),
    [
        pytest.param({"limits": {"zoneRps": 50}}, "gateway", True, id="a limit, the gateway"),
        pytest.param({"limits": {"zoneRps": 50}}, "core-app", False, id="a limit, no service"),
        pytest.param(service("core-app", autoscaling=None), "prometheus", False, id="scaling"),
    ],
)
def test_only_who_reads_a_setting_rolls_with_it(
    values: dict[str, Any], name: str, rolls: bool
) -> None:
    before = named(objects(), "Deployment", name)["spec"]["template"]
    after = named(objects(values), "Deployment", name)["spec"]["template"]
    assert (before != after) is rolls


def test_migrations_run_before_the_new_version_and_after_a_database_of_their_own() -> None:
    def hook(values: dict[str, Any]) -> str:
        job = named(objects(values), "Job", "migrate-core-app")
        return str(job["metadata"]["annotations"]["helm.sh/hook"])

    assert hook({}) == "pre-install,pre-upgrade"
    assert hook({"parts": {"zone": True, "outside": True}}) == "post-install,pre-upgrade"


def test_a_service_reads_the_password_of_its_own_role_only() -> None:
    spec = named(objects(), "Deployment", "client-info")["spec"]["template"]["spec"]
    assert _read(spec) == {"database": ["client_info"], "services": ["callers-client-info"]}


def _read(spec: dict[str, Any]) -> dict[str, list[str]]:
    """Secret -> keys of it that a pod has."""
    sources = [
        one["secret"]
        for volume in spec["volumes"]
        for one in volume.get("projected", {}).get("sources", ())
    ]
    return {one["name"]: [item["key"] for item in one["items"]] for one in sources}


@pytest.mark.parametrize("name", service_names())
def test_a_service_is_told_of_its_files_what_insurectl_makes(name: str) -> None:
    spec = named(objects(), "Deployment", name)["spec"]["template"]["spec"]
    env = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
    known = topology.bundled()
    service = known.services[name]
    files = service_secrets.files(known, service)
    told = {key: value for key, value in env.items() if key.endswith("_FILE")}
    expected = {key: f"/etc/insure-secrets/{file}" for key, file in files.items()}
    if service.database is not None:
        expected["DATABASE_PASSWORD_FILE"] = f"/etc/insure-secrets/{service.database.role}"
    assert told == expected
    assert sorted(_read(spec).get("services", ())) == sorted(files.values())


def test_servers_read_the_passwords_of_their_users_and_no_other() -> None:
    found, known = objects(), topology.bundled()
    read = {
        name: _read(named(found, "StatefulSet", name)["spec"]["template"]["spec"])["services"]
        for name in ("redis", "sentinel", "rabbitmq")
    }
    brokers = [f"broker-{one.name}" for one in known.services.values() if "rabbitmq" in one.needs]
    assert sorted(read["rabbitmq"]) == sorted(brokers)
    assert read["sentinel"] == ["redis-sentinel"]
    assert read["redis"] == ["redis-replication", "redis-sentinel", "redis-osago-aggregator"]


def test_all_that_is_read_is_made() -> None:
    made = service_secrets.needed(topology.bundled())
    for where, _, spec in pods(objects()):
        assert set(_read(spec).get("services", ())) <= set(made), where


def test_the_relay_runs_another_command_on_the_same_database_and_migrates_nothing() -> None:
    found = objects()
    spec = named(found, "Deployment", "core-app-relay")["spec"]["template"]["spec"]
    assert spec["containers"][0]["command"] == ["python", "-m", "system.core_app", "relay"]
    assert _read(spec)["database"] == ["core_app"]
    jobs = {f"migrate-{one.name}" for one in topology.bundled().services.values() if one.migrates}
    assert set(kinds(found, "Job")) == jobs


def test_a_database_that_two_services_share_is_made_once() -> None:
    told = json.loads(named(outside(), "ConfigMap", "postgresql")["data"]["values.json"])
    names = [one["name"] for one in told["databases"]]
    assert sorted(names) == ["client_info", "core_app", "products", "settlement"]


def test_the_broker_is_told_whose_events_are_whose() -> None:
    told = json.loads(named(objects(), "ConfigMap", "rabbitmq")["data"]["values.json"])
    known = topology.bundled().services
    for user in told["users"]:
        service = known[user["name"]]
        assert tuple(user["publishes"]) == service.publishes
        assert tuple(user["consumes"]) == service.consumes


@pytest.mark.parametrize(
    ("external", "gone", "told"),
    [
        pytest.param(
            {"redis": {"sentinels": ["s1.example.org:26379", "s2.example.org:26379"], "name": "x"}},
            {"redis", "sentinel"},
            {"REDIS_SENTINELS": "s1.example.org:26379,s2.example.org:26379", "REDIS_NAME": "x"},
            id="Redis",
        ),
        pytest.param(
            {"rabbitmq": {"host": "mq.example.org", "port": 5673}},
            {"rabbitmq"},
            {"BROKER_HOST": "mq.example.org", "BROKER_PORT": "5673"},
            id="RabbitMQ",
        ),
    ],
)
def test_a_server_that_is_there_already_is_used_and_not_deployed(
    external: dict[str, Any], gone: set[str], told: dict[str, str]
) -> None:
    found = objects({"external": external})
    for kind in ("StatefulSet", "Service", "ConfigMap", "PodDisruptionBudget", "NetworkPolicy"):
        assert gone.isdisjoint(kinds(found, kind)), kind
    name = "osago-aggregator" if "redis" in gone else "ins-comp-settlement"
    spec = named(found, "Deployment", name)["spec"]["template"]["spec"]
    env = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
    assert told.items() <= env.items()
    rules = named(found, "ConfigMap", "prometheus")["data"]["alerts.yml"]
    assert ("RedisWithoutPrimary" in rules) is ("redis" not in gone)
    assert ("ZoneWithoutBroker" in rules) is ("rabbitmq" not in gone)


def test_the_types_find_what_is_wrong() -> None:
    deployment = named(objects(), "Deployment", "core-app")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    wrong = {**deployment, "spec": {**deployment["spec"], "replicas": "3", "selektor": {}}}
    wrong["spec"]["template"] = {"spec": {"containers": [{**container, "imge": "x"}]}}
    told = "\n".join(faults(wrong))
    assert "spec.replicas: Input should be a valid integer" in told
    assert "spec.selektor: Extra inputs are not permitted" in told
    assert "spec.template.spec.containers.0.imge: Extra inputs are not permitted" in told
