"""Seed data of a system in clusters: the services' own command, run in one of their pods."""

import shlex

from insurectl.adapters import local_secrets
from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.cluster_zone import api
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.adapters.local_data import PARTNERS
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.topology import Topology
from insurectl.errors import TargetNotReady

WITHIN_S = 600.0  # a million clients take that long
KEYS = "/tmp/partner-keys.txt"  # in the pod; taken away at once


def fill(site: Site, state: LocalState, known: Topology, clients: int, seed: int) -> None:
    """Clients and partners; the partners' keys are kept on this machine, mode 0600, and so is all
    that a load is let in by. Those of before stay where there are no new ones (TargetNotReady)."""
    cluster = api(site)

    def seeds(service: str, *arguments: str) -> list[str]:
        module = known.service(service).module
        return ["python", "-m", module, "seed", "--seed", f"{seed}", *arguments]

    _run(cluster, site, "client-info", seeds("client-info", "--clients", f"{clients}"))
    partners = seeds("core-app", "--partners", f"{PARTNERS}")
    keys = _run(cluster, site, "core-app", keys_told(partners))
    keep_keys(state, site.namespace, keys)
    local_secrets.give_to_load(state)


def keep_keys(state: LocalState, namespace: str, keys: str) -> None:
    """TargetNotReady where they are not those of all partners: those of before stay."""
    if (count := len(keys.split())) != PARTNERS:
        raise TargetNotReady(
            f"core-app in {namespace} told {count} keys of {PARTNERS} partners: deploy once more"
        )
    state.partner_keys.touch(mode=0o600)
    state.partner_keys.write_text(keys)


def keys_told(command: list[str], file: str = KEYS) -> list[str]:
    """The command, and then the keys that it wrote on stdout and nothing else: all in one go, as
    the file is only in the pod that wrote it."""
    seed, tell = shlex.join([*command, "--keys-file", file]), shlex.join(["cat", file])
    clean = shlex.quote(shlex.join(["rm", "-f", file]))
    return ["sh", "-c", f"trap {clean} EXIT; {seed} >&2 && {tell}"]


def _run(cluster: ClusterApi, site: Site, service: str, command: list[str]) -> str:
    pods = [one for one in cluster.pods(site.namespace) if one.component == service]
    ready = [one for one in pods if one.ready and not one.ending]
    ready.sort(key=lambda one: one.created_s or 0.0, reverse=True)  # the newest stays longest
    if not ready:
        raise TargetNotReady(f"no pod of {service} is ready in {site.namespace}")
    done = cluster.execute(site.namespace, ready[0].name, service, command, timeout_s=WITHIN_S)
    if done.code:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise TargetNotReady(f"{service}: {' '.join(command[:4])} ended with {done.code}: {last}")
    return done.stdout
