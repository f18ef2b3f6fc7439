"""One API server, over HTTPS, as a context of a kubeconfig says.

The ``kubernetes`` package reads the kubeconfig, proves who we are and checks certificates. Objects
are read as the JSON that the server sent: the package's classes refuse what a newer server may
leave out, and know no custom resources.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import yaml

from insurectl.adapters.clock import SystemClock
from insurectl.adapters.kubernetes_errors import NotThere, Unreachable, refusal
from insurectl.adapters.kubernetes_values import Object
from insurectl.errors import BadFile, BadInput
from insurectl.ports import Clock

if TYPE_CHECKING:
    from kubernetes.client import ApiClient
    from urllib3.response import BaseHTTPResponse

CONNECT_S = 5.0
READ_S = 30.0
READS = 3  # tries of a call that changes nothing
PAUSE_S = 0.3
BUSY = (429, 502, 503, 504)
PAGE = 500
MANAGER = "insurectl"  # who changed a field, in the object's managedFields

Params = Mapping[str, str | int | Sequence[str]]


def contexts(kubeconfig: Path | None) -> tuple[str, ...]:
    """The names of a kubeconfig's contexts; BadInput or BadFile when it can't be read."""
    names: list[str] = []
    for file in _files(kubeconfig):
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            names += [str(one["name"]) for one in (content or {}).get("contexts") or ()]
        except (OSError, UnicodeDecodeError) as error:
            raise BadFile(file, f"can't be read: {error}") from error
        except (yaml.YAMLError, AttributeError, TypeError, KeyError) as error:
            raise BadFile(file, f"is no kubeconfig: {error}") from error
    return tuple(dict.fromkeys(names))


def _files(kubeconfig: Path | None) -> list[Path]:
    if kubeconfig is not None:
        if not kubeconfig.is_file():
            raise BadInput(f"kubeconfig {kubeconfig}: no such file")
        return [kubeconfig]
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    files = [Path(one).expanduser() for one in named.split(os.pathsep) if one]
    if not (there := [file for file in files if file.is_file()]):
        raise BadInput(
            f"no kubeconfig: {named} is not there; name one with KUBECONFIG or in the settings"
        )
    return there


class Connection:
    """Calls by path. Reads are tried again when the server is busy or breaks off; what changes
    something is sent once. Every failure is an InsurectlError that names the context.

    ``context``: "" inside a pod, where the pod's own service account is used.
    """

    def __init__(
        self, context: str, kubeconfig: Path | None = None, clock: Clock | None = None
    ) -> None:
        self.context, self.kubeconfig = context, kubeconfig
        self.clock: Clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._client: ApiClient | None = None
        self.kinds: dict[tuple[str, str], Object] = {}  # (version, kind) -> how it is served

    def read(self, path: str, params: Params | None = None) -> Object:
        """One object, or the answer of any path that speaks JSON."""
        return self._object(self.read_bytes(path, params))

    def find(self, path: str) -> Object | None:
        """One object; None where there is none."""
        try:
            return self.read(path)
        except NotThere:
            return None

    def read_bytes(self, path: str, params: Params | None = None) -> bytes:
        """The body as it came."""
        for tries_left in reversed(range(READS)):
            try:
                response = self._open("GET", path, params)
                body = self._whole(response, path)
            except Unreachable as error:
                if not tries_left or error.timed_out:
                    raise
            else:
                if not tries_left or response.status not in BUSY:
                    return self._accept("GET", path, response.status, body)
            self.clock.sleep(PAUSE_S)
        raise AssertionError("the last try returns or raises")

    def items(self, path: str, params: Params | None = None) -> list[Object]:
        """All of a list, page by page; each with its apiVersion and kind left as the server does
        (absent)."""
        found: list[Object] = []
        asked: dict[str, str | int | Sequence[str]] = {**(params or {}), "limit": PAGE}
        while True:
            page = self.read(path, asked)
            found += page.get("items") or []
            if not (rest := page.get("metadata", {}).get("continue")):
                return found
            asked["continue"] = rest

    def send(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        params: Params | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """POST, PUT, PATCH or DELETE, once; the object as it is now."""
        response = self._open(method, path, params, body, content_type)
        answer = self._accept(method, path, response.status, self._whole(response, path))
        return self._object(answer)

    def lines(self, path: str, params: Params, idle_s: float) -> Iterator[str]:
        """The body line by line as it comes; ends with the body, Unreachable after ``idle_s``
        without a line."""
        response = self._open("GET", path, params, read_s=idle_s)
        if response.status >= 300:
            self._accept("GET", path, response.status, self._whole(response, path))
        rest = b""
        try:
            for part in self._parts(response, path):
                *whole, rest = (rest + part).split(b"\n")
                yield from (line.decode(errors="replace") for line in whole)
            if rest:
                yield rest.decode(errors="replace")
        finally:
            response.close()

    def headers(self) -> dict[str, str]:
        """What proves who we are; a token that a program gives is asked for again when it ends."""
        settings = self.client.configuration.auth_settings()
        token = settings.get("BearerToken")
        return {"authorization": str(token["value"])} if token and token["value"] else {}

    @property
    def client(self) -> "ApiClient":
        """Made at the first call, so that it costs nothing to have a connection."""
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def url(self, path: str, params: Params | None = None) -> str:
        """Of the server that the context names."""
        query = urlencode(dict(params or {}), doseq=True)
        return f"{self.client.configuration.host}{path}{'?' if query else ''}{query}"

    def _connect(self) -> "ApiClient":
        import urllib3  # noqa: PLC0415
        from kubernetes import client, config  # noqa: PLC0415
        from kubernetes.config import ConfigException  # noqa: PLC0415

        configuration = client.Configuration()
        try:
            if not self.context:
                config.load_incluster_config(  # type: ignore[no-untyped-call] # has no types
                    client_configuration=configuration
                )
                return client.ApiClient(configuration)
            known = contexts(self.kubeconfig)
            if self.context not in known:
                raise BadInput(
                    f"no context {self.context} in {self._where()}; there are: "
                    f"{', '.join(known) or 'none'}"
                )
            config.load_kube_config(  # type: ignore[no-untyped-call] # has no types
                config_file=os.pathsep.join(str(file) for file in _files(self.kubeconfig)),
                context=self.context,
                client_configuration=configuration,
                persist_config=False,
            )
        except (ConfigException, OSError, ValueError, TypeError, KeyError) as error:
            raise BadInput(
                f"context {self.context or '(of this pod)'} in {self._where()}: {error}"
            ) from error
        if not configuration.verify_ssl:  # the kubeconfig's own wish; said once is too often
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return client.ApiClient(configuration)

    def _where(self) -> str:
        return str(self.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config")

    def _open(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: Object | None = None,
        content_type: str = "application/json",
        read_s: float = READ_S,
    ) -> "BaseHTTPResponse":
        from urllib3 import Timeout  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        headers = {**self.headers(), "user-agent": MANAGER}
        if body is not None:
            headers["content-type"] = content_type
        try:
            return self.client.rest_client.pool_manager.request(
                method,
                self.url(path, params),
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=Timeout(connect=CONNECT_S, read=read_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    def _whole(self, response: "BaseHTTPResponse", path: str) -> bytes:
        return b"".join(self._parts(response, path))

    def _parts(self, response: "BaseHTTPResponse", path: str) -> Iterator[bytes]:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            yield from response.stream(2**16)
        except (HTTPError, OSError) as error:
            raise self._unreachable(error, path) from error
        finally:
            response.release_conn()

    def _unreachable(self, error: Exception, path: str = "") -> Unreachable:
        from urllib3.exceptions import TimeoutError as TimedOut  # noqa: PLC0415

        host = self.client.configuration.host
        return Unreachable(
            f"context {self.context or '(of this pod)'}: no answer from {host}{path}: {error}; "
            "does the cluster run, and is it reachable from here "
            f"(`kubectl --context {self.context} version`)?",
            timed_out=isinstance(error, TimedOut),
        )

    def _accept(self, method: str, path: str, status: int, body: bytes) -> bytes:
        if 200 <= status < 300:
            return body
        raise refusal(self.context or "(of this pod)", f"{method} {path}", status, body)

    def _object(self, body: bytes) -> Object:
        try:
            answer: Any = json.loads(body)
        except ValueError as error:
            raise Unreachable(
                f"context {self.context}: {self.client.configuration.host} does not answer like "
                f"a Kubernetes API server ({body[:80]!r}); is its address right?"
            ) from error
        return answer if isinstance(answer, dict) else {"items": answer}


def path_of(*parts: str) -> str:
    """``/`` and the parts, each made safe for a URL."""
    return "/" + "/".join(quote(part, safe="") for part in parts)
