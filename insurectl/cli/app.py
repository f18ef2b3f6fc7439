"""Assembles the commands; ``main()`` turns what went wrong into a message and an exit code."""

import errno
import importlib
import os
import signal
import sys
import traceback
from typing import Any

import typer

from insurectl.cli.options import command
from insurectl.errors import ExitCode, InsurectlError

COMMANDS = (  # in the order of use; one file each
    "deploy", "status", "logs", "scale", "destroy",
    "failback", "doctor", "config", "version",
)  # fmt: skip
HELP = "Load testing and capacity planning, with a real insurance system bundled."


def build() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(name="insurectl", help=HELP, no_args_is_help=True,
                      pretty_exceptions_enable=False)  # fmt: skip
    for name in COMMANDS:
        module = importlib.import_module(f"insurectl.cli.{name}")
        if name == "config":
            app.add_typer(module.app, name="config")
        else:
            app.command(name)(command(getattr(module, name)))
    app.command(
        "agent",
        hidden=True,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(_agent)
    return app


def _agent(context: typer.Context) -> None:
    """Runs within a zone; started by the target, not by people."""
    from insurectl.cli.agent import agent

    agent(context.args)


def main() -> None:
    """The program's entrance. A TERM is an interrupt too: what was started has to be stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """One call; the exit code. Only here is everything caught."""
    try:
        return _invoke(arguments)
    except InsurectlError as error:
        return _failed(arguments, str(error), error.exit_code)
    except KeyboardInterrupt:
        return _failed(arguments, "interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:  # the reader of our output went away: no news for anybody
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.PASS
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = f"no space is left on the disk ({error}); free some, or set other folders"
            return _failed(arguments, text, ExitCode.MISSING)
        return _bug(arguments, error)
    except Exception as error:
        return _bug(arguments, error)


def _invoke(arguments: list[str]) -> int:
    program: Any = typer.main.get_command(build())
    # standalone: typer shows wrong usage itself and ends with 2, and an Abort with 1
    try:
        program.main(args=arguments, prog_name="insurectl", standalone_mode=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return ExitCode.INTERRUPTED if code == 1 else code
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
    sys.stderr.write(f"insurectl: {text}\n")
    return code
