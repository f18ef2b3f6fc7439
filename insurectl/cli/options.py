"""What several commands share: arguments, the settings' flags, and the session they make."""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from insurectl.cli.console import Console, ConsoleProgress, Output
from insurectl.errors import BadInput, ExitCode, Interrupted

if TYPE_CHECKING:
    from insurectl.ports import DeployPlan, Progress, Target, World
    from insurectl.records import Outcome, Scenario
    from insurectl.settings import Settings

ScenarioArgument = Annotated[str, typer.Argument(help="A scenario's file, or a bundled name.")]
ScenarioOption = Annotated[
    str | None,
    typer.Option("--scenario", help="A scenario's file or bundled name; else the run's own."),
]
RunArgument = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="A run's id; else the latest that fits.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do not.")]
ProcessesOption = Annotated[
    int | None, typer.Option("--processes", min=1, max=64, help="Load generator processes.")
]

SHARED: dict[str, tuple[Any, Any]] = {
    "name": (
        Annotated[str | None, typer.Option("--name", "-n", help="Which system.")],
        None,
    ),
    "target": (Annotated[str | None, typer.Option("--target", help="Where it runs.")], None),
    "context": (
        Annotated[
            list[str] | None,
            typer.Option(
                "--context", help="A cluster's context; one for all zones, or one a zone."
            ),
        ],
        None,
    ),
    "state": (
        Annotated[Path | None, typer.Option("--state", help="Folder of the systems' state.")],
        None,
    ),
    "reports": (Annotated[Path | None, typer.Option("--reports", help="Folder of runs.")], None),
    "config": (
        Annotated[Path | None, typer.Option("--config", help="Settings file.")],
        None,
    ),
    "output": (
        Annotated[Output, typer.Option("--output", "-o", help="Form of the data.")],
        "table",
    ),
    "quiet": (Annotated[bool, typer.Option("--quiet", "-q", help="No talk on stderr.")], False),
    "debug": (
        Annotated[bool, typer.Option("--debug", help="Show a traceback when it fails.")],
        False,
    ),
}
SETTINGS = ("name", "target", "context", "state", "reports")


Connect = Callable[["Settings", "Progress"], "World"]


def connect(settings: "Settings", progress: "Progress") -> "World":
    """The adapters; imported now, not before."""
    from insurectl import wiring

    return wiring.connect(settings, progress)


@dataclass
class Session:
    """One call of a command: its settings, its console, and how it gets at the world. ``flags``
    and ``file``: what the settings were made of."""

    settings: "Settings"
    console: Console
    connect: Connect
    flags: Mapping[str, object] = field(default_factory=dict)
    file: Path | None = None

    def set(self, **own: object) -> "Settings":
        """Take the settings that the command's own options carry; None was not given."""
        from insurectl import settings

        self.flags = {**self.flags, **own}
        self.settings = settings.load(self.flags, os.environ, self.file)
        return self.settings

    def world(self) -> "World":
        """Everything that a stage may touch."""
        return self.connect(self.settings, ConsoleProgress(self.console))

    def target(self) -> "Target":
        """What runs, alone: no setting of what would be measured is looked at, so that a token
        that is gone can't be in the way of ``destroy``."""
        origins = {**self.settings.origins, "prometheus_url": "flag"}
        alone = replace(self.settings, prometheus_url="", origins=origins)
        return self.connect(alone, ConsoleProgress(self.console)).target

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask on a terminal; elsewhere nobody can answer, so ``--yes`` is needed."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise BadInput(f"{question} Nobody can be asked here: add --yes")
        try:
            if typer.confirm(question, err=True):
                return
        except typer.Abort:  # Ctrl-C, or the end of the input
            self.console.say("")
        raise Interrupted("nothing was changed")

    def finish(self, record: object, code: ExitCode = ExitCode.PASS) -> None:
        """Show it and end with its code."""
        self.console.show(record)
        if code:
            raise typer.Exit(code)


def command(function: Callable[..., None], connect: Connect = connect) -> Callable[..., None]:
    """Add the shared options to a command, and hand it the session made of them.

    The command takes ``session`` and its own arguments. Its own options may carry settings
    too (``clients``, ``seed``): those it gives to ``session.set``.
    """
    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "session"
    ]
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )
        for name, (annotation, default) in SHARED.items()
    ]

    @functools.wraps(function)
    def run(**given: Any) -> None:
        values = {name: given.pop(name) for name in SHARED}
        try:
            function(_session(values, connect), **given)
        except KeyboardInterrupt:  # typer would end without a word
            raise Interrupted("interrupted") from None

    ordered = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    run.__signature__ = inspect.Signature([*ordered, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in (*ordered, *shared)}
    return run


def _session(values: dict[str, Any], connect: Connect) -> Session:
    from insurectl import settings

    flags = {name: values[name] for name in SETTINGS}
    loaded = settings.load(flags, os.environ, values["config"])
    console = Console(output=values["output"], quiet=values["quiet"])
    return Session(loaded, console, connect, flags, values["config"])


def deploy_plan(
    settings: "Settings", zones: tuple[str, ...] | None = None, timeout_s: float = 120.0
) -> "DeployPlan":
    """What nobody chose for this call is left out of it: that stays as it is deployed."""
    from insurectl.ports import DeployPlan

    return DeployPlan(
        name=settings.name,
        zones=zones,
        clients=settings.clients if settings.given("clients") else None,
        seed=settings.seed if settings.given("seed") else None,
        timeout_s=timeout_s,
    )


def read_scenario(path_or_name: str) -> "Scenario":
    """Parsed and checked; BadFile with the line, BadInput for an unknown one."""
    from insurectl.adapters.scenario_file import load_scenario

    return load_scenario(path_or_name)


def scenario_of(world: "World", run_id: str, asked: str | None) -> "Scenario":
    """The one that was asked for, else the one that the run kept, else the one of its name."""
    from insurectl.records import Scenario

    if asked is not None:
        return read_scenario(asked)
    if world.runs.has(run_id, Scenario):
        return world.runs.read(run_id, Scenario)
    return read_scenario(world.runs.info(run_id).scenario)


def code_of(outcome: "Outcome | None", failed: ExitCode = ExitCode.THRESHOLDS_MISSED) -> ExitCode:
    """How a process ends for an outcome; ``failed``: what FAIL means here."""
    codes = {
        "pass": ExitCode.PASS,
        "fail": failed,
        "invalid": ExitCode.INVALID,
        "interrupted": ExitCode.INTERRUPTED,
    }
    return ExitCode.PASS if outcome is None else codes[outcome.value]
