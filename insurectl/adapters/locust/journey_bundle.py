"""A journey and the files beside it that it imports, packed for workers elsewhere."""

import ast
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from insurectl.errors import BadFile

LARGEST = 900_000  # a ConfigMap holds a MiB


def pack(journey_file: Path, job_json: bytes) -> bytes:
    """A zip of ``job.json`` and the Python files, the same bytes for the same content.
    BadFile for a journey that can't be read, or for more than a ConfigMap holds."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "job.json", job_json)
        for file in sorted(_files(journey_file)):
            _add(archive, str(file.relative_to(journey_file.parent)), file.read_bytes())
    packed = out.getvalue()
    if len(packed) > LARGEST:
        raise BadFile(
            journey_file,
            f"the journey, what it imports and the rates of each second take {len(packed)} bytes "
            f"packed, of which a ConfigMap holds {LARGEST}; play a shorter trace, or from here",
        )
    return packed


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Without a time."""
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _files(journey_file: Path) -> set[Path]:
    """What is imported only when the code runs, by a name that it makes up, is not found."""
    found, folder = {journey_file}, journey_file.parent
    left = [journey_file]
    while left:
        for name in _imported(left.pop()):
            for file in _named(folder, name):
                if file not in found:
                    found.add(file)
                    left.append(file)
    return found


def _named(folder: Path, name: str) -> Iterator[Path]:
    if (folder / f"{name}.py").is_file():
        yield folder / f"{name}.py"
    elif (folder / name / "__init__.py").is_file():
        yield from (folder / name).rglob("*.py")


def _imported(file: Path) -> set[str]:
    """First parts of the names; a fault in the file is the worker's to tell, with its line."""
    try:
        tree = ast.parse(file.read_bytes())
    except OSError as error:
        raise BadFile(file, f"it can't be read: {error.strerror}") from error
    except (SyntaxError, ValueError):
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
