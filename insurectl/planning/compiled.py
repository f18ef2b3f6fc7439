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
    """A part of an ``entrance``: compiled into those that call it, and kept with them. It may read
    and write arrays, not make any: whoever calls holds them meanwhile, so that nobody counts who
    else does (an atomic operation for each array and call was most of a day's time)."""
    return _part(function, _nrt=False)


def allocating(function: Callable[P, R]) -> Callable[P, R]:
    """A part that makes arrays."""
    return _part(function)


def _part(function: Callable[P, R], **more: bool) -> Callable[P, R]:
    """Python does not call it, so nothing is made for that."""
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, **more}
    made: Callable[P, R] = njit(error_model="numpy", nogil=True, **options)(function)
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
    """By what the functions do, not by where they stand; and by the constants of their modules,
    which become part of the machine code."""
    found = hashlib.sha256()
    for part in parts:
        function = getattr(part, "py_func", part)
        code = getattr(function, "__code__", None)
        if code is None:
            found.update(repr(part).encode())
            continue
        known = getattr(function, "__globals__", {})
        constants = [(name, _constant(known[name])) for name in code.co_names if name in known]
        told = f"{code.co_names}{code.co_varnames}{constants}"
        found.update(told.encode() + code.co_code + repr(code.co_consts).encode())
    return int.from_bytes(found.digest()[:7], "big")


def _constant(value: object) -> object:
    """A number as it is, a record by its fields, in their order; functions are parts themselves."""
    return value if isinstance(value, int | float | str) else getattr(value, "_fields", None)
