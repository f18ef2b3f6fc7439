"""numba's only door: functions that are compiled to machine code.

IEEE doubles and wrapping int64 as the hardware has them: no ``fastmath``, so that what is compiled
decides as what can be read does. Without numba's own errors (``error_model="numpy"``): a division
by zero is an infinity, as in Go.
"""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """A part of an ``entrance``: compiled into those that call it, and kept with them."""
    made: Callable[P, R] = njit(error_model="numpy", nogil=True)(function)
    return made


def entrance(make: Callable[[int], Callable[P, R]], *parts: object) -> Callable[P, R]:
    """What Python calls. The machine code is kept on disk where a folder can be written, so that
    it is compiled once and not at each start; else, and on a full disk, it is made again.

    ``make``: stamp -> the function, which has to name the stamp. numba looks only at the file of
    the entrance itself to tell whether what it kept is still good; the stamp changes when any of
    the ``parts`` does.
    """
    function = make(_stamp(parts))
    options: dict[str, Any] = {"error_model": "numpy", "nogil": True}
    try:
        made = njit(cache=True, **options)(function)
    except RuntimeError:  # "no locator available": neither beside the source nor in the user's own
        made = njit(**options)(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return made(*args, **kwargs)  # type: ignore[no-any-return] # numba has no types
        except OSError:  # it was compiled and could not be written; now it is there
            return made(*args, **kwargs)  # type: ignore[no-any-return] # the same

    return call


def _stamp(parts: tuple[object, ...]) -> int:
    """By what the functions do, not by where they stand."""
    found = hashlib.sha256()
    for part in parts:
        code = getattr(getattr(part, "py_func", part), "__code__", None)
        told = repr(part) if code is None else f"{code.co_names}{code.co_varnames}"
        found.update(told.encode())
        if code is not None:
            found.update(code.co_code)
            found.update(repr(code.co_consts).encode())
    return int.from_bytes(found.digest()[:7], "big")
