"""Load from inside a real cluster: the same counts as from here, and nothing left of it."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.adapters.load_credentials import LoadCredentials
from insurectl.adapters.locust.cluster_engine import ClusterLoadEngine
from insurectl.adapters.locust.cluster_objects import Workers, labels
from insurectl.adapters.locust.engine import LocustEngine
from insurectl.errors import BadInput, TargetNotReady
from insurectl.planning.slo import Limits
from insurectl.ports import LoadJob
from insurectl.records import LoadResult, LoadSecond, Outcome, Scenario

pytestmark = [pytest.mark.cluster, pytest.mark.alone, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
UNLIMITED = Limits(generator_cpu=99, shortfall=1, host_cpu=99)  # a busy machine is no failure here
NODE_PORT = 30080
DELAY_S = 0.05
RATES = (20.0,) * 5 + (60.0,) * 15
# logs are rotated all the time, as those of long loads are
KIND = """kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  kubeadmConfigPatches:
  - |
    kind: KubeletConfiguration
    containerLogMaxSize: 20Ki
    containerLogMonitorInterval: 3s
"""
SERVER = f"""
import http.server, time
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        time.sleep({DELAY_S})
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{{}}")
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer.request_queue_size = 512
http.server.ThreadingHTTPServer(("", 8080), Answer).serve_forever()
"""
JOURNEY = """from shared import NAME
from insurectl.scenario import Journey, task


class Person(Journey):
    @task()
    def look(self) -> None:
        {body}
"""
LOOK = 'self.http.get("/", name=NAME)'


@dataclass(frozen=True, kw_only=True)
class Inside:
    """A cluster with a server in it."""

    api: ClusterApi
    kubeconfig: Path
    namespace: str
    image: str
    outside_url: str

    def engine(self, cpu: float = 0.4, **workers: object) -> ClusterLoadEngine:
        made = Workers(
            **{
                "system": "test",
                "namespace": self.namespace,
                "image": self.image,
                "count": 2,
                "cpu": cpu,
                "memory_mib": 256,
                **workers,
            }  # type: ignore[arg-type] # parts by name
        )
        return ClusterLoadEngine(
            limits=UNLIMITED,
            cluster=self.api,
            workers=made,
            inside_url={self.outside_url: f"http://target.{self.namespace}:8080"}.__getitem__,
        )

    def left(self) -> list[str]:
        found = [
            one["metadata"]["name"]
            for version, kind in (
                ("batch/v1", "Job"),
                ("v1", "Pod"),
                ("v1", "ConfigMap"),
                ("v1", "Secret"),
            )
            for one in self.api.list_objects(version, kind, self.namespace, labels("test"))
        ]
        return sorted(found)


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    for program in ("docker", "kind"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on PATH")
    folder = tmp_path_factory.mktemp("kind")
    name, image = f"insure-load-{secrets.token_hex(3)}", "insure-system/service:load-test"
    config, kubeconfig = folder / "kind.yaml", folder / "kubeconfig"
    config.write_text(KIND)
    node = os.environ.get("KIND_NODE_IMAGE")
    docker_file = ("-f", "system/Dockerfile", "--target", "service")
    try:
        run("docker", "build", "-q", *docker_file, "-t", image, ".")
        run(
            *("kind", "create", "cluster", "--name", name, "--config", str(config)),
            *("--kubeconfig", str(kubeconfig), "--wait", "180s"),
            *(("--image", node) if node else ()),
        )
        run("kind", "load", "docker-image", image, "--name", name)
        api = ClusterApi(f"kind-{name}", kubeconfig)
        own = {"insurectl.system": "test", "app.kubernetes.io/managed-by": "insurectl"}
        api.ensure_namespace("load", own)
        serve(api, "load", image)
        yield Inside(
            api=api,
            kubeconfig=kubeconfig,
            namespace="load",
            image=image,
            outside_url=f"http://{address(name)}:{NODE_PORT}",
        )
    finally:
        run("kind", "delete", "cluster", "--name", name, "--kubeconfig", str(kubeconfig))
        run("docker", "image", "rm", "--force", image)


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout


def address(cluster: str) -> str:
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return run("docker", "inspect", "-f", form, f"{cluster}-control-plane").strip()


def serve(api: ClusterApi, namespace: str, image: str) -> None:
    """One pod that answers after ``DELAY_S``."""
    own = {"app": "target"}
    container = {
        "name": "target",
        "image": image,
        "command": ["python", "-c", SERVER],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "50m"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    api.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "target", "namespace": namespace, "labels": own},
            "spec": {
                "selector": {"matchLabels": own},
                "template": {"metadata": {"labels": own}, "spec": {"containers": [container]}},
            },
        }
    )
    api.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "target", "namespace": namespace},
            "spec": {
                "type": "NodePort",
                "selector": own,
                "ports": [{"port": 8080, "nodePort": NODE_PORT}],
            },
        }
    )
    deadline = time.monotonic() + 120
    while not api.rolled_out(namespace):
        assert time.monotonic() < deadline, api.why_not_ready(namespace)
        time.sleep(0.5)


MakeJob = Callable[..., LoadJob]


@pytest.fixture
def job(inside: Inside, tmp_path: Path) -> MakeJob:
    def make(body: str = LOOK, rates: tuple[float, ...] = RATES) -> LoadJob:
        (tmp_path / "journey.py").write_text(JOURNEY.format(body=body))
        (tmp_path / "shared.py").write_text('NAME = "look"\n')
        LoadCredentials(partner_keys=("first", "second")).write(tmp_path / "keys")
        return LoadJob(
            run_id="run-1",
            scenario=Scenario(
                name="test",
                title="A test",
                path="test.yaml",
                journey_file=str(tmp_path / "journey.py"),
                plan="play",
                model="open",
                arrivals="poisson",
                seed=7,
                warmup_s=5.0,
                stages=(),
                trace=None,
                thresholds=(),
                aborts=(),
                faults=(),
                services=(),
                costs={},
                calibration=None,
                data={},
            ),
            base_url=inside.outside_url,
            rates=rates,
            seed=7,
            scale=1.0,
            folder=tmp_path / "load",
            processes=2,
            credentials_file=str(tmp_path / "keys"),
        )

    return make


def by_second(result: LoadResult) -> list[int]:
    return [second.scheduled for second in result.seconds][: len(RATES)]


def test_inside_and_here_play_the_same_load(inside: Inside, job: MakeJob) -> None:
    asked = job()
    here = LocustEngine(limits=UNLIMITED).play(asked, lambda second: None)
    there = inside.engine().play(asked, lambda second: None)
    assert there.outcome is Outcome.PASS, there.reasons
    assert by_second(there) == by_second(here)
    assert there.scheduled == there.sent == here.scheduled
    assert there.total.count == here.total.count
    assert there.total.status_counts == {"200": there.total.count}
    assert [one.name for one in there.requests] == ["look"]
    for result in (here, there):
        assert result.total.p50_ms is not None
        assert DELAY_S * 1000 <= result.total.p50_ms < 4 * DELAY_S * 1000
    assert 0 < there.generator_cpu < 1.5
    assert 0 < there.host_cpu <= 1
    print("".join(f"\n{name}: {figures(one)}" for name, one in (("here", here), ("there", there))))
    assert inside.left() == []


def figures(result: LoadResult) -> str:
    total = result.total
    return (
        f"{result.scheduled} due, {total.count} judged, p50 {total.p50_ms} p95 {total.p95_ms} p99 "
        f"{total.p99_ms} ms, late p99 {result.late_p99_ms} ms, shortfall {result.shortfall:.4f}, "
        f"generator {result.generator_cpu:.2f}, host {result.host_cpu:.2f}"
    )


def test_a_worker_that_is_too_weak_is_found(inside: Inside, job: MakeJob) -> None:
    weak = replace(inside.engine(cpu=0.1, count=1), limits=Limits(shortfall=1, host_cpu=99))
    result = weak.play(job(rates=(400.0,) * 10), lambda second: None)
    assert result.outcome is Outcome.INVALID
    assert "a load worker was saturated" in result.reasons[0]
    assert any("held back by its own CPU limit" in one for one in result.reasons)
    assert inside.left() == []


def test_the_user_may_end_it(inside: Inside, job: MakeJob) -> None:
    def interrupt_once(second: LoadSecond) -> None:
        seconds.append(second)
        if len(seconds) == 2:
            signal.raise_signal(signal.SIGINT)

    seconds: list[LoadSecond] = []
    result = inside.engine().play(job(rates=(20.0,) * 300), interrupt_once)
    assert result.outcome is Outcome.INTERRUPTED
    assert 0 < result.scheduled < 20 * 60
    assert inside.left() == []


def test_a_worker_that_is_lost_makes_it_invalid(inside: Inside, job: MakeJob) -> None:
    def delete_one() -> None:
        [pod, _] = inside.api.pods(inside.namespace, labels("test"))
        inside.api.delete_pod(inside.namespace, pod.name)

    def lose_one(second: LoadSecond) -> None:
        seconds.append(second)
        if len(seconds) == 2:
            threading.Thread(target=delete_one).start()

    seconds: list[LoadSecond] = []
    result = inside.engine().play(job(rates=(20.0,) * 300), lose_one)
    assert result.outcome is Outcome.INVALID
    assert "of 2 was lost: its pod" in result.reasons[0]
    assert inside.left() == []


def test_a_journey_with_a_fault_is_bad_input(inside: Inside, job: MakeJob) -> None:
    asked = job("self.gone.get('/')")
    with pytest.raises(BadInput, match=rf"{asked.scenario.journey_file}:8: AttributeError: .*gone"):
        inside.engine().play(asked, lambda second: None)
    assert inside.left() == []


@pytest.mark.parametrize(
    ("workers", "why"),
    [
        pytest.param({"image": "insure-system/service:none"}, "ImagePull", id="no image"),
        pytest.param({"memory_mib": 30}, "OOMKilled", id="too little memory"),
    ],
)
def test_workers_that_do_not_start_say_why(
    inside: Inside, job: MakeJob, workers: dict[str, object], why: str
) -> None:
    with pytest.raises(TargetNotReady, match=f"load worker . of 2 .*{why}"):
        inside.engine(**workers).play(job(), lambda second: None)  # type: ignore[arg-type]
    assert inside.left() == []


KILLED = """import pickle, sys
from pathlib import Path
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.adapters.locust.cluster_engine import ClusterLoadEngine
context, kubeconfig, file, url, inside = sys.argv[1:]
workers, job = pickle.loads(Path(file).read_bytes())
ClusterLoadEngine(cluster=ClusterApi(context, Path(kubeconfig)), workers=workers,
    inside_url={url: inside}.__getitem__).play(job, lambda second: print("plays", flush=True))"""


def test_what_a_killed_parent_left_ends_and_is_removed_by_the_next(
    inside: Inside, job: MakeJob, tmp_path: Path
) -> None:
    import pickle

    file, engine = tmp_path / "job.pickle", inside.engine()
    file.write_bytes(pickle.dumps((engine.workers, job(rates=(20.0,) * 600))))
    places = (inside.api.context, str(inside.kubeconfig), str(file))
    urls = (inside.outside_url, engine.inside_url(inside.outside_url))
    parent = subprocess.Popen(
        [sys.executable, "-c", KILLED, *places, *urls], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"plays\n"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until_s = time.monotonic() + 90
    while any(pod.phase == "Running" for pod in inside.api.pods("load", labels("test"))):
        assert time.monotonic() < until_s, "the workers play on without their parent"
        time.sleep(1)
    assert len(inside.left()) == 5  # Job, ConfigMap, Secret, two pods
    result = engine.play(job(rates=(20.0,) * 7), lambda second: None)
    assert result.outcome is Outcome.PASS
    assert inside.left() == []
