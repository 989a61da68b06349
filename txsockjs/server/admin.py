"""The pages for whoever operates a server: ``/health`` and ``/ready``.

Rules: an answer is text whose line says why; none is cached. ``/health`` is answered by whatever
process has the page, so that it tells that its reactor turns.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from twisted.web.resource import Resource
from twisted.web.server import Site


class Readiness(NamedTuple):
    """Whether a server may get requests, and why in a line."""

    ready: bool
    why: str


class AdminSite(Site):
    """A site with the two pages; ``readiness`` is asked at each request for ``/ready``."""

    displayTracebacks = False

    def __init__(self, readiness: Callable[[], Readiness]) -> None:
        root = Resource()
        root.putChild(b"health", _Page(lambda: Readiness(True, "alive")))
        root.putChild(b"ready", _Page(readiness))
        super().__init__(root)


class _Page(Resource):
    """One line of text: with 200, or with 503."""

    isLeaf = True

    def __init__(self, ask: Callable[[], Readiness]) -> None:
        super().__init__()
        self._ask = ask

    def render_GET(self, request: Any) -> bytes:
        if request.postpath:
            request.setResponseCode(404)
            return b"not found\n"
        ready, why = self._ask()
        request.setResponseCode(200 if ready else 503)
        request.setHeader(b"Content-Type", b"text/plain; charset=UTF-8")
        request.setHeader(b"Cache-Control", b"no-store")
        return f"{why}\n".encode()


def all_ready(states: dict[str, Readiness]) -> Readiness:
    """Return whether any of several servers may get requests, and what keeps the others."""
    kept = [f"{name}: {state.why}" for name, state in states.items() if not state.ready]
    if len(kept) < len(states):
        return Readiness(True, "; ".join([f"{len(states) - len(kept)} ready", *kept]))
    return Readiness(False, "; ".join(kept) or "nobody serves")
