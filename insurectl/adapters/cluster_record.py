"""What is kept on this machine of a system in clusters."""

import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from insurectl.adapters import local_record, topology
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.local_state import LocalState, Record, write_record
from insurectl.errors import BadFile, BadInput, TargetNotReady
from insurectl.records import Cost, Deployment, Tuning, Zone

DEPLOYMENT = "deployment.json"
PROMETHEUS = "prometheus:9090"  # the Service in each zone
GROUND = "ground.json"
PENDING = "tuning-pending.json"
CHOICES = "choices.json"
LEFT = "tuning-left-{zone}.json"
OVERLAY = "tuning-values.yaml"
ADOPTED = "adopted.json"
NOT_OURS = "is no record that this insurectl knows"
GIVEN = "secrets-given.json"  # names of the passwords that the user put there


def check_target(state: LocalState, target: str) -> None:
    """BadInput when the system of that name is deployed on another target."""
    try:
        found = state.deployment().target
    except TargetNotReady:
        return
    if found != target:
        name = state.folder.name
        raise BadInput(
            f"the system {name!r} is deployed on the target {found}, not on {target}: take "
            f"another --name, or `insurectl destroy --target {found}` first"
        )


def make(state: LocalState) -> None:
    """The system's folder, its secrets for the owner alone. What lies among the secrets before
    the first deploy is the user's: ``remove`` leaves it."""
    state.folder.mkdir(parents=True, exist_ok=True)
    state.secrets.mkdir(mode=0o700, exist_ok=True)
    given = state.folder / GIVEN
    if not given.exists() and not (state.folder / DEPLOYMENT).exists():
        given.write_text(json.dumps(sorted(one.name for one in state.secrets.iterdir())))


def password(state: LocalState, role: str) -> str:
    """The role's, made when there is none yet."""
    path = state.secrets / role
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text().strip()


def keep_choices(folder: Path, choices: Mapping[str, object]) -> None:
    """The settings that this system was deployed with."""
    (folder / CHOICES).write_text(json.dumps(dict(choices), default=str, indent=2))


def choices(folder: Path) -> dict[str, Any]:
    """Setting -> value; empty for a system that is on this machine, or not deployed."""
    path = folder / CHOICES
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise BadFile(path, f"{NOT_OURS}: {error}") from error


def keep_ground(folder: Path, ground: Ground) -> None:
    write_record(folder / GROUND, Ground, ground)


def ground(folder: Path) -> Ground:
    """TargetNotReady when there is none."""
    path = folder / GROUND
    if not path.exists():
        raise TargetNotReady(
            f"no system {folder.name!r} is deployed here; insurectl deploy brings one up"
        )
    return _read(path, Ground)


def sites(folder: Path) -> tuple[Site, ...]:
    """All that the ground names; empty when there is none."""
    if not (folder / GROUND).exists():
        return ()
    found = ground(folder)
    return (*found.sites, *((found.outside,) if found.outside else ()))


def intend(folder: Path, tuning: Tuning) -> None:
    """Keep what is about to be put in force, so that a call that dies halfway is finished."""
    write_record(folder / PENDING, Tuning, tuning)


def intended(folder: Path) -> Tuning | None:
    """What an earlier call began to put in force and did not end."""
    path = folder / PENDING
    return _read(path, Tuning) if path.exists() else None


def leave(folder: Path, zone: str, tunings: tuple[Tuning, ...]) -> None:
    """Keep what may be in force in a zone that is about to be taken away."""
    write_record(folder / LEFT.format(zone=zone), tuple[Tuning, ...], tunings)


def left(folder: Path, zone: str) -> tuple[Tuning, ...]:
    """What was in force in the zone when it was taken away; empty where that was not kept."""
    path = folder / LEFT.format(zone=zone)
    return _read(path, tuple[Tuning, ...]) if path.exists() else ()


def forget_left(folder: Path, zone: str) -> None:
    """The zone is up to date again."""
    (folder / LEFT.format(zone=zone)).unlink(missing_ok=True)


def settled(state: LocalState, deployment: Deployment, seed: int) -> None:
    """Keep the record; nothing is half-done any more."""
    state.keep(deployment, seed)
    (state.folder / PENDING).unlink(missing_ok=True)


def keep_overlay(folder: Path, values: Mapping[str, object]) -> Path:
    """The tuning as values of the chart: `helm upgrade -f` with it keeps the tuning."""
    path = folder / OVERLAY
    path.write_text(yaml.safe_dump(dict(values), sort_keys=False))
    return path


def is_adopted(folder: Path) -> bool:
    """Whether others deployed it."""
    return (folder / ADOPTED).exists()


def remove(state: LocalState) -> None:
    """The folder with all that is in it, less the passwords that the user put there."""
    if not state.folder.exists():
        return
    given = state.folder / GIVEN
    kept = set(json.loads(given.read_text())) if given.exists() else set()
    if not kept:
        shutil.rmtree(state.folder)
        return
    for one in state.folder.iterdir():
        if one.is_dir() and one != state.secrets:
            shutil.rmtree(one)
        elif not one.is_dir():
            one.unlink()
    for one in state.secrets.iterdir():
        if one.name not in kept:
            one.unlink()


def _read(path: Path, kind: type[Record]) -> Record:
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except ValidationError as error:
        raise BadFile(path, f"{NOT_OURS}: {error.errors()[0]['msg']}") from error


def deployment(
    state: LocalState,
    target: str,
    ground: Ground,
    clients: int,
    tuning: Tuning,
    costs: Mapping[str, Cost],
    began_s: float,
) -> Deployment:
    """The record of what stands on the ground; ``took_s`` is not known yet."""
    return Deployment(
        name=state.folder.name,
        target=target,
        deployed_at_s=began_s,
        took_s=0.0,
        edge_url=ground.edge_url,
        zones=tuple(
            Zone(
                name=site.zone,
                gateway_url=ground.gateway_urls[site.zone],
                prometheus_url=f"kubernetes://{site.context}/{site.namespace}/{PROMETHEUS}",
            )
            for site in ground.sites
        ),
        costs=costs,
        tuning=tuning,
        clients=clients,
        credentials_file=f"{state.credentials}",
        slots={name: one.slots for name, one in topology.bundled().services.items()},
        notes=(local_record.NOTE, *ground.notes),
    )
