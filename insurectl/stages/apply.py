"""Recommendation -> Change: diff, put in force, and the way back."""

from dataclasses import replace

from insurectl.errors import BadInput
from insurectl.planning.tuning_diff import diff
from insurectl.ports import World
from insurectl.records import Change, Deployment, Recommendation, Tuning


def apply(world: World, run_id: str, *, dry_run: bool = False) -> Change:
    """Put the recommended tuning in force; ``before`` is what was really in force."""
    deployment = world.target.deployment()
    after = world.target.as_set(world.runs.read(run_id, Recommendation).after)
    before = _way_back(world, run_id, deployment)
    change = Change(
        run_id=run_id,
        deployment=deployment.name,
        applied_at_s=None,
        before=before,
        after=after,
        diff=diff(before, after),
    )
    if dry_run:
        return change
    world.runs.write(run_id, change)  # the way back is kept before anything moves
    with world.progress.step("put the recommended settings in force"):
        world.target.tune(after, world.progress)
    change = replace(change, applied_at_s=world.clock.now())
    world.runs.write(run_id, change)
    return change


def _way_back(world: World, run_id: str, deployment: Deployment) -> Tuning:
    """What is in force; of a run that is applied again, what was before the first time."""
    if world.runs.has(run_id, Change):
        earlier = world.runs.read(run_id, Change)
        still = earlier.rolled_back_at_s is None and earlier.deployment == deployment.name
        if still and deployment.tuning == earlier.after:
            return earlier.before
    return deployment.tuning


def rollback(world: World, run_id: str | None = None, *, dry_run: bool = False) -> Change:
    """Restore exactly what was in force before; refuses when somebody changed it since. A dry
    run only looks whether it would."""
    run_id = run_id or world.runs.latest(Change)
    change = world.runs.read(run_id, Change)
    if change.rolled_back_at_s is not None:
        raise BadInput(f"run {run_id} was rolled back already")
    deployment = world.target.deployment()
    if deployment.name != change.deployment:
        raise BadInput(
            f"run {run_id} changed the system {change.deployment}, not {deployment.name}; "
            f"name it with --name {change.deployment}"
        )
    current = deployment.tuning
    if current not in (change.after, change.before):
        raise BadInput(
            f"the settings were changed since run {run_id} applied its own:\n"
            f"{diff(change.after, current)}\nset them by hand, or apply that run again first"
        )
    if dry_run:
        return change
    with world.progress.step("put the earlier settings back"):
        world.target.tune(change.before, world.progress)
    change = replace(change, rolled_back_at_s=world.clock.now())
    world.runs.write(run_id, change)
    return change
