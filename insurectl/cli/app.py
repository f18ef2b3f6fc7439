"""Assembles the commands; ``main()`` turns what went wrong into a message and an exit code."""

import errno
import importlib
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import typer

from insurectl.cli.console import write
from insurectl.cli.options import Connect, command, connect
from insurectl.errors import ExitCode, InsurectlError

COMMANDS = (  # in the order of use; one file each
    "deploy", "adopt", "status", "logs", "scale", "destroy",
    "load", "observe", "calibrate", "fit", "recommend", "apply", "rollback", "verify", "report",
    "run", "simulate", "failover", "failback", "plan", "doctor", "config", "version",
)  # fmt: skip
NOT_USABLE = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG,
    errno.ELOOP,
)  # fmt: skip
HELP = "Load testing and capacity planning, with a real insurance system bundled."


def build(connect: Connect = connect) -> typer.Typer:
    """The application with all its commands; ``connect`` gives them the world."""
    app = typer.Typer(name="insurectl", help=HELP, no_args_is_help=True,
                      pretty_exceptions_enable=False)  # fmt: skip
    for name in COMMANDS:
        module = importlib.import_module(f"insurectl.cli.{name}")
        if name == "config":
            app.add_typer(module.app, name="config")
        else:
            app.command(name)(command(getattr(module, name), connect))
    for name, inner in (("agent", _agent), ("zone-agent", _zone_agent)):
        app.command(
            name,
            hidden=True,
            add_help_option=False,
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        )(inner)
    return app


def _agent(context: typer.Context) -> None:
    """Runs within a zone; started by the target, not by people."""
    from insurectl.cli.agent import agent

    agent(context.args)


def _zone_agent(context: typer.Context) -> None:
    """Runs within a zone of a cluster; started by the chart, not by people."""
    from insurectl.cli.zone_agent import zone_agent

    zone_agent(context.args)


def main() -> None:
    """The program's entrance. A TERM, or a terminal that is closed, is an interrupt too: what was
    started has to be stopped."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)
    _open_what_is_closed()
    sys.exit(run(sys.argv[1:]))


def _open_what_is_closed() -> None:
    """Who starts us with ``>&-`` wants to hear nothing; to Python there is no stream then."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, stream)


def run(arguments: list[str], connect: Connect = connect) -> int:
    """One call; the exit code. Only here is everything caught."""
    try:
        return _invoke(arguments, connect)
    except InsurectlError as error:
        return _failed(arguments, str(error), error.exit_code)
    except KeyboardInterrupt:
        return _failed(arguments, "interrupted", ExitCode.INTERRUPTED)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = f"no space is left on the disk ({error}); free some, or set other folders"
            return _failed(arguments, text, ExitCode.MISSING)
        if error.errno in NOT_USABLE and error.filename:
            text = (
                f"{error.filename} can't be used: {error.strerror}; give a folder that is yours "
                "with --reports or --state"
            )
            return _failed(arguments, text, ExitCode.USAGE)
        return _bug(arguments, error)
    except Exception as error:
        return _bug(arguments, error)


def _invoke(arguments: list[str], connect: Connect) -> int:
    program: Any = typer.main.get_command(build(connect))
    # standalone: typer shows wrong usage itself and ends with 2
    try:
        program.main(args=arguments, prog_name="insurectl", standalone_mode=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if code != 1:
            return code
        # typer's own: the reader of a help went away, or a shell that it has no completion for
        return ExitCode.PASS if "--help" in arguments else ExitCode.USAGE
    return ExitCode.PASS


def _bug(arguments: list[str], error: Exception) -> int:
    text = (
        f"a bug in insurectl: {type(error).__name__}: {error}. Please report it with the output of "
        "the same command with --debug, and of `insurectl version`"
    )
    return _failed(arguments, text, ExitCode.BUG)


def _failed(arguments: list[str], text: str, code: ExitCode) -> int:
    if "--debug" in arguments:
        traceback.print_exc(file=sys.stderr)
    write(sys.stderr, f"insurectl: {text}\n")
    return code
