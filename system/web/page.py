"""The page's files, read once: no script but ours, nothing from elsewhere."""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response

from system.shared.service import problem

FOLDER = Path(__file__).parent / "static"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
HEADERS = {
    # asked about each time, answered with 304: two versions of a page are never mixed for long
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class File:
    """One file as it is sent."""

    content: bytes
    kind: str
    etag: str

    @classmethod
    def read(cls, path: Path) -> "File":
        """From the disk."""
        content = path.read_bytes()
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if kind.startswith("text/") or kind.endswith(("javascript", "xml")):
            kind += "; charset=utf-8"
        return cls(content, kind, f'"{hashlib.sha256(content).hexdigest()[:24]}"')

    def answer(self, known: str) -> Response:
        """``known``: the ETags that the browser has."""
        headers = {**HEADERS, "ETag": self.etag}
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        if self.etag in tags or known.strip() == "*":
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers, media_type=self.kind)


def routes(folder: Path = FOLDER) -> APIRouter:
    """``/`` and ``/static/NAME``."""
    router = APIRouter()
    files = {path.name: File.read(path) for path in folder.iterdir() if path.is_file()}

    async def index(request: Request) -> Response:
        return files["index.html"].answer(request.headers.get("If-None-Match", ""))

    async def static(request: Request, name: str) -> Response:
        found = files.get(name)
        if found is None:
            return problem(404, "NOT_FOUND", "there is no such file")
        return found.answer(request.headers.get("If-None-Match", ""))

    for path, serve in (("/", index), ("/static/{name}", static)):
        router.add_api_route(path, serve, methods=["GET", "HEAD"], include_in_schema=False)
    return router
