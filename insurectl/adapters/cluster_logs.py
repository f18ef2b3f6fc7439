"""The log lines of pods: of one, or of all of a service in several zones."""

import queue
import threading
from collections.abc import Iterator, Sequence

from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.cluster_zone import api
from insurectl.adapters.kubernetes_api import PodSeen
from insurectl.errors import BadInput, InsurectlError


def read(sites: Sequence[Site], process: str, *, lines: int, follow: bool) -> Iterator[str]:
    """BadInput naming what there is when no pod and no service has that name."""
    found: list[tuple[Site, PodSeen]] = []
    names: set[str] = set()
    for site in sites:
        for pod in api(site).pods(site.namespace):
            names |= {pod.component or pod.name}
            if process in (pod.name, pod.component):
                found.append((site, pod))
    if not found:
        raise BadInput(f"no process {process!r}; there are: {', '.join(sorted(names))}")
    if follow:
        return _follow(found, lines)
    return (
        line for site, pod in found for line in _lines(site, pod, lines, several=len(found) > 1)
    )


def _lines(
    site: Site, pod: PodSeen, lines: int, *, several: bool, follow: bool = False
) -> Iterator[str]:
    said = api(site).logs(site.namespace, pod.name, pod.container, lines=lines, follow=follow)
    for line in said:
        yield f"{site.zone}/{pod.name}: {line}" if several else line


def _follow(found: list[tuple[Site, PodSeen]], lines: int) -> Iterator[str]:
    """One thread a pod; they end with the process, which Ctrl-C ends."""
    heard: queue.Queue[str | None] = queue.Queue()

    def listen(site: Site, pod: PodSeen) -> None:
        try:
            for line in _lines(site, pod, lines, several=len(found) > 1, follow=True):
                heard.put(line)
        except InsurectlError as error:
            heard.put(f"{site.zone}/{pod.name}: {error}")
        heard.put(None)

    for site, pod in found:
        threading.Thread(target=listen, args=(site, pod), daemon=True).start()
    for _ in found:
        while (line := heard.get()) is not None:
            yield line
