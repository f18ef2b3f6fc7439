"""Each failure a user can meet: one class, one exit code, one table.

A bad *result* (a missed threshold, a saturated generator) is no error: it is an
``Outcome`` in a record, and ``EXIT_CODES`` says which code it ends with.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process tells its caller; the same table stands in the README."""

    PASS = 0
    USAGE = 2
    MISSING = 3
    NOT_READY = 4
    BUG = 70
    DATA_LOST = 95
    VERIFICATION_FAILED = 96
    REGRESSION = 97
    INVALID = 98
    THRESHOLDS_MISSED = 99
    INTERRUPTED = 130


EXIT_CODES: dict[ExitCode, str] = {
    ExitCode.PASS: "pass",
    ExitCode.USAGE: "wrong usage or bad input",
    ExitCode.MISSING: "something is missing on this machine (the message says how to get it)",
    ExitCode.NOT_READY: "the target is not ready",
    ExitCode.BUG: "a bug in insurectl",
    ExitCode.DATA_LOST: "acknowledged data was lost or doubled",
    ExitCode.VERIFICATION_FAILED: "verification failed: measured is not what was predicted",
    ExitCode.REGRESSION: "regression against the earlier run",
    ExitCode.INVALID: "the measurement is invalid",
    ExitCode.THRESHOLDS_MISSED: "thresholds missed",
    ExitCode.INTERRUPTED: "interrupted",
}


class InsurectlError(Exception):
    """Something a user can cause or mend; ``main()`` prints it without a traceback."""

    exit_code = ExitCode.BUG


class BadInput(InsurectlError):
    """What was typed, or a file that was given, can't be used."""

    exit_code = ExitCode.USAGE


class BadFile(BadInput):
    """A file's content can't be used; says the file, and the line where there is one."""

    def __init__(self, path: object, message: str, *, line: int | None = None) -> None:
        self.path, self.line = path, line
        super().__init__(f"{path}{f':{line}' if line else ''}: {message}")


class MissingOnMachine(InsurectlError):
    """A program, package, port or space that this machine does not have."""

    exit_code = ExitCode.MISSING


class TargetNotReady(InsurectlError):
    """The system is not deployed, not healthy, or did not become so in time."""

    exit_code = ExitCode.NOT_READY


class NothingMeasured(InsurectlError):
    """Every measurement that was needed is invalid, so there is nothing to go on with."""

    exit_code = ExitCode.INVALID


class Interrupted(InsurectlError):
    """The user ended it; what was started is stopped and the run is kept."""

    exit_code = ExitCode.INTERRUPTED


def retold(error: InsurectlError, text: str) -> InsurectlError:
    """An error that ends with the same exit code and says more; the subclasses of a kind take
    other arguments than a text."""
    kinds = (MissingOnMachine, TargetNotReady, BadInput, NothingMeasured, Interrupted)
    return next((kind(text) for kind in kinds if isinstance(error, kind)), InsurectlError(text))
