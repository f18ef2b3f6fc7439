"""Loads the journey of a scenario without importing the room above."""

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from insurectl.errors import BadFile


def load(path: Path) -> type[Any]:
    """The one Journey of a file; BadFile, with the line, when it can't be had. Files beside it
    can be imported by it."""
    sys.path.insert(0, str(path.parent))
    module = _run(path)
    found = [
        member
        for member in vars(module).values()
        if isinstance(member, type)
        and member.__module__ == module.__name__
        and any(one.__module__ == "insurectl.scenario" for one in member.__mro__)
        and getattr(member, "tasks", None)
    ]
    if len(found) != 1:
        named = ", ".join(one.__name__ for one in found) or "none"
        raise BadFile(
            path, f"it needs exactly one Journey with a method marked @task(); it has {named}"
        )
    return found[0]


def problem(path: Path, error: BaseException) -> BadFile:
    """An exception of the journey's own code, at its line in the file."""
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno))
        error = SyntaxError(error.msg)  # without its place, which is told here
    lines = [line for file, line in places if Path(file) == path]
    text = f"{type(error).__name__}: {error}"
    if lines and Path(places[-1][0]) != path:
        text += f" (in {Path(places[-1][0]).name}, line {places[-1][1]})"
    return BadFile(path, text, line=lines[-1] if lines else None)


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"journey_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise BadFile(path, "a journey has to be a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses in the file look their module up
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        raise BadFile(path, f"it can't be read: {error.strerror}") from error
    except Exception as error:  # whatever a file of the user may raise
        raise problem(path, error) from error
    return module
