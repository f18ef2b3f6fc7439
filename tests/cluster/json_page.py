"""What an API of a test's own answers: the server's object as JSON, or that there is none."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Protocol, cast


class Answers(Protocol):
    """The server, as far as a page asks it."""

    def answer(self, path: str) -> Any:
        """An object; None or an empty one where there is none."""


class JsonPage(BaseHTTPRequestHandler):
    """``server``: an HTTP server that has ``answer`` too."""

    server: HTTPServer

    def do_GET(self) -> None:
        found = cast("Answers", self.server).answer(self.path)
        body = json.dumps(found or {"kind": "Status", "apiVersion": "v1", "code": 404}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass
