"""What the system's images are built from, and the tag that this gives them."""

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from insurectl.adapters.topology import system_folder
from insurectl.errors import TargetNotReady
from insurectl.ports import Progress

LAST_LINES = 15

CONTENT = ("system", "insurectl", "scenarios", "requirements/runtime.txt", "pyproject.toml",
           ".dockerignore")  # fmt: skip
NOT_CONTENT = ("__pycache__", ".pyc")


def source_tree() -> Path | None:
    """The checkout that this runs from; None where insurectl was installed without it."""
    tree = system_folder().parent
    needed = (tree / "system" / "Dockerfile", tree / "pyproject.toml")
    return tree if all(path.is_file() for path in needed) else None


def tag_of(source: Path) -> str:
    """Of what goes into the images: a tree that has not changed is not built again."""
    digest = hashlib.sha256()
    for path in _content(source):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(source)}\0{len(content)}\0".encode() + content)
    return f"src-{digest.hexdigest()[:12]}"  # letters first: never taken for a number


def follow(events: Iterable[Mapping[str, Any]], failed: str, progress: Progress) -> None:
    """Tell a build's lines as they come; TargetNotReady, ``failed`` and the last ones, if it ends
    with an error."""
    last: deque[str] = deque(maxlen=LAST_LINES)
    broken = False
    for event in events:
        for line in f"{event.get('stream') or event.get('error') or ''}".splitlines():
            if line.strip():
                last.append(line.rstrip())
                progress.live(line.strip()[:100])
        broken = broken or "error" in event
    if broken:
        raise TargetNotReady("\n".join([f"{failed}:", *last]))


def _content(source: Path) -> list[Path]:
    found = []
    for name in CONTENT:
        place = source / name
        found += [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
    return sorted(p for p in found if not any(part in f"{p}" for part in NOT_CONTENT))
