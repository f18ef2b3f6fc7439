"""The chart's releases of a system's zones: what they are told, and putting it in force."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from insurectl.adapters import (
    cluster_record,
    cluster_secrets,
    cluster_tuning,
    cluster_values,
    cluster_zone,
    topology,
)
from insurectl.adapters.chart_values import ChartChoices
from insurectl.adapters.cluster_ground import RELEASE, Ground, Site
from insurectl.adapters.cluster_values import Provider, Values
from insurectl.adapters.helm import Helm
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadFile, BadInput, TargetNotReady
from insurectl.ports import Clock, Progress
from insurectl.records import Cost, Tuning

SENT = "values-sent-{namespace}.json"  # a list: what is in force is one of these


@dataclass(frozen=True)
class Releases:
    """Of one system. ``provider``: what makes the HorizontalPodAutoscalers; ``chart``: what the
    user chose of the chart's values."""

    name: str
    state: LocalState
    clock: Clock
    provider: Provider
    scrape_interval_s: float
    chart: ChartChoices = field(default_factory=ChartChoices)

    def check(self, tuning: Tuning) -> None:
        """BadInput for values of the user that the chart does not take: asked before anything is
        made. Where insurectl sets a key by the place, that is told when the place is known."""
        if self.chart.file is None:
            return
        ours = cluster_values.merged(
            {"autoscaling": {"provider": self.provider, "hpa": {"customMetrics": True}}},
            cluster_values.overlay(tuning),
        )
        self._must_be_taken("", self.chart.under(ours))

    def values(
        self, ground: Ground, site: Site, tuning: Tuning, costs: Mapping[str, Cost], seed: int
    ) -> Values:
        """All that one zone's release is told."""
        base = cluster_values.zone_values(
            topology.bundled(),
            system=self.name,
            zone=site.zone,
            number=ground.sites.index(site),
            images=ground.images,
            costs=costs,
            seed=seed,
            database=ground.database,
            provider=self.provider,
            scrape_interval_s=self.scrape_interval_s,
            gateway=ground.gateways[site.zone],
            edge="" if _edge_is_inside(ground) else ground.edge_inside,
            pinned=site.pinned,
        )
        told = cluster_secrets.of_services(self.state, topology.bundled())
        if ground.database is not None:  # it stands elsewhere, so its passwords may change there
            told |= cluster_zone.passwords(self.state, superuser=False)
        base["secrets"] = {"revision": cluster_secrets.revision(self.state, told)}
        return self.chart.under(cluster_values.merged(base, cluster_values.overlay(tuning)))

    def put_in_force(
        self,
        ground: Ground,
        here: Sequence[Site],
        tuning: Tuning,
        costs: Mapping[str, Cost],
        seed: int,
        timeout_s: float,
        progress: Progress,
        *,
        migrate: bool = False,
    ) -> None:
        """In the zones that are ``here``; returns when their pods are ready. What is meant is kept
        first: if this ends halfway, the next deploy ends it.

        ``migrate``: a deploy, which does the databases first and says which values of others it
        sets back; without, such values are refused with BadInput before anything changes."""
        cluster_tuning.must_fit(here, self.provider, tuning)
        told = {site: self._fitted(ground, site, tuning, costs, seed) for site in here}
        self._look_for_others(told, tuning, progress, overwrite=migrate)
        cluster_record.intend(self.state.folder, tuning)
        cluster_record.keep_overlay(self.state.folder, cluster_values.overlay(tuning))
        passwords = cluster_zone.passwords(self.state, superuser=False)
        secrets = cluster_secrets.of_services(self.state, topology.bundled())
        folder = self.state.folder
        tasks = [
            partial(_release, folder, site, self.name, values, passwords, secrets, migrate=migrate)
            for site, values in told.items()
        ]
        with progress.step(f"the chart in {', '.join(site.namespace for site in here)}"):
            cluster_zone.at_once(tasks)
            for site in here:
                cluster_zone.set_replicas(site, tuning)
        with progress.step("pods"):
            cluster_zone.await_rollout(here, timeout_s, self.clock, progress)

    def _fitted(
        self, ground: Ground, site: Site, tuning: Tuning, costs: Mapping[str, Cost], seed: int
    ) -> Mapping[str, Any]:
        values = self.values(ground, site, tuning, costs, seed)
        fitted = cluster_zone.fitted(cluster_zone.api(site), values)
        if self.chart.file is not None:
            self._must_be_taken(site.namespace, fitted)
        return fitted

    def _must_be_taken(self, namespace: str, values: Mapping[str, Any]) -> None:
        """Helm asks no cluster for this; the chart's schema and its own checks decide."""
        try:
            Helm("").template(
                RELEASE, namespace or "default", cluster_values.chart_folder(), values
            )
        except (BadInput, TargetNotReady) as error:
            if about := self.chart.refusal(str(error)):
                raise about from error
            where = f" with {self.chart.file} under them" if self.chart.file else ""
            raise BadInput(f"the chart does not take these values{where}: {error}") from error

    def _look_for_others(
        self,
        wanted: Mapping[Site, Mapping[str, Any]],
        tuning: Tuning,
        progress: Progress,
        *,
        overwrite: bool,
    ) -> None:
        folder = self.state.folder
        told = {site: others(folder, site, values) for site, values in wanted.items()}
        lines = [f"{site.namespace}: {line}" for site, found in told.items() for line in found]
        if overwrite:
            if known := self._known():
                lines += cluster_tuning.others(list(wanted), (*known, tuning))
            warn_of(lines, progress)
        elif lines:
            raise BadInput(
                "values of the chart were changed by others (Helm does not say by whom) since "
                "insurectl put its own in force:\n"
                + "\n".join(lines)
                + "\nnothing was overwritten. To keep them, put them into a file and name it with "
                "the setting chart_values; to have insurectl's own in force again: `insurectl "
                "deploy`"
            )

    def _known(self) -> tuple[Tuning, ...]:
        """What insurectl itself put in force; nothing before the first deploy."""
        try:
            before = self.state.deployment().tuning
        except TargetNotReady:
            return ()
        half_done = cluster_record.intended(self.state.folder)
        return (before, *([half_done] if half_done else ()))


def put_outside(
    folder: Path,
    site: Site,
    system: str,
    values: Mapping[str, Any],
    passwords: dict[str, str],
    progress: Progress,
) -> None:
    """The release that stands outside the zones, at a deploy."""
    warn_of([f"{site.namespace}: {line}" for line in others(folder, site, values)], progress)
    _release(folder, site, system, values, passwords, {}, migrate=True)


def others(folder: Path, site: Site, wanted: Mapping[str, Any]) -> list[str]:
    """Each value that is in force in the release and is neither what insurectl sent last nor what
    it is about to send. Where it is not known what was sent (an earlier insurectl deployed it),
    only those that insurectl would not set at all."""
    helm = Helm(site.context, site.kubeconfig)
    if not (revision := helm.revision(RELEASE, site.namespace)):
        return []
    live = helm.values(RELEASE, site.namespace, revision)
    known = _sent(folder, site)
    return cluster_tuning.foreign(live, known, wanted)


def warn_of(lines: Sequence[str], progress: Progress) -> None:
    """Say what of others a deploy sets back."""
    if lines:
        progress.warn(
            "what others changed is set back to insurectl's own:\n"
            + "\n".join(dict.fromkeys(lines))
        )


def _release(
    folder: Path,
    site: Site,
    system: str,
    values: Mapping[str, Any],
    passwords: Mapping[str, str],
    secrets: Mapping[str, str],
    *,
    migrate: bool,
) -> None:
    """What is sent is kept before, too: a call that dies in between leaves one or the other."""
    known = _sent(folder, site)
    if values not in known:
        _keep(folder, site, (*known, values))
    cluster_zone.release(site, system, values, passwords, secrets, migrate=migrate)
    _keep(folder, site, (values,))


def _sent(folder: Path, site: Site) -> tuple[Values, ...]:
    path = folder / SENT.format(namespace=site.namespace)
    if not path.exists():
        return ()
    try:
        return tuple(dict(one) for one in json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise BadFile(path, f"{cluster_record.NOT_OURS}: {error}") from error


def _keep(folder: Path, site: Site, values: Sequence[Mapping[str, Any]]) -> None:
    """Mode 0600: what the user chose may be theirs alone to know."""
    path = folder / SENT.format(namespace=site.namespace)
    path.touch(mode=0o600)
    path.write_text(json.dumps([dict(one) for one in values]))


def _edge_is_inside(ground: Ground) -> bool:
    """Whether the edge is pods of the system's own namespace; a given one is an address."""
    if ground.outside is None:
        return False
    host = urlsplit(ground.edge_inside).hostname
    return host == f"edge.{ground.outside.namespace}.svc"
