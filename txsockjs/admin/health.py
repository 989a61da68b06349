"""The pages for whoever operates a server: ``/health`` and ``/ready``.

Rules: an answer is text whose line says why; none is cached. ``/health`` is answered by whatever
process has the page, so that it tells that its reactor turns.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    noisy = False  # the ports say where they listen

    def __init__(self, readiness: Callable[[], Readiness]) -> None:
        super().__init__(
            _Pages({b"/health": lambda: Readiness(True, "alive"), b"/ready": readiness})
        )


class _Pages(Resource):
    """Lines of text by their paths, each with 200, or with 503."""

    isLeaf = True

    def __init__(self, pages: Mapping[bytes, Callable[[], Readiness]]) -> None:
        super().__init__()
        self._pages = pages

    def render(self, request: Any) -> bytes:
        """Answer a request."""
        page = self._pages.get(request.path)
        request.setHeader(b"Content-Type", b"text/plain; charset=UTF-8")
        request.setHeader(b"Cache-Control", b"no-store")
        if page is None:
            status, why = 404, f"not found; the pages are {_in_words(self._pages)}"
        elif request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"Allow", b"GET, HEAD")
            status, why = 405, "method not allowed"
        else:
            ready, why = page()
            status = 200 if ready else 503
        request.setResponseCode(status)
        body = f"{why}\n".encode()
        request.setHeader(b"Content-Length", b"%d" % len(body))
        return b"" if request.method == b"HEAD" else body


def _in_words(paths: Iterable[bytes]) -> str:
    return " and ".join([path.decode() for path in paths])


def all_ready(states: dict[str, Readiness]) -> Readiness:
    """Return whether any of several servers may get requests, and what keeps the others."""
    kept = [f"{name}: {state.why}" for name, state in states.items() if not state.ready]
    if len(kept) < len(states):
        return Readiness(True, "; ".join([f"{len(states) - len(kept)} ready", *kept]))
    return Readiness(False, "; ".join(kept) or "nobody serves")
