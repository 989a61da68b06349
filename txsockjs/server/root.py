"""`Root`: the resource at the top of a service, which routes each path to one of its mounts.

A mount is a literal prefix of whole segments. The longest match wins; paths that match none go to
the fallback.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource, getChildForRequest
from twisted.web.server import Request

from ..errors import SettingsError

with warnings.catch_warnings():
    # Importing this makes one of Twisted's own deprecated pages, which ended `python -W error`.
    warnings.simplefilter("ignore", DeprecationWarning)
    from twisted.web.static import Data, File

__all__ = ["Data", "Directory", "File", "Page", "Root", "segments"]

_Segments = tuple[bytes, ...]


def segments(prefix: str) -> _Segments:
    """Split a prefix such as ``/a/b`` as twisted.web splits the path of a request."""
    return tuple(part.encode() for part in prefix.split("/")[1:])


class Root(Resource):
    """Serve several resources, each of which sees the whole path of its requests."""

    isLeaf = True

    def __init__(self, fallback: IResource | None = None) -> None:
        super().__init__()
        self._fallback = fallback or notFound()
        self._mounts: dict[_Segments, IResource] = {}
        self._depth = 0

    def mount(self, prefix: str, resource: IResource) -> None:
        """Serve the paths at and below ``prefix`` with ``resource``."""
        key = segments(prefix)
        if key in self._mounts:
            raise SettingsError(f"a prefix can be mounted once, {prefix or '/'} is there twice")
        self._mounts[key] = resource
        self._depth = max(self._depth, len(key))

    def render(self, request: Any) -> object:
        """Render the resource for the request's path."""
        resource = self._responsible(request.postpath)
        return getChildForRequest(resource, request).render(request)

    def forwards(self, path: Sequence[bytes], more: bool) -> IResource | None:
        """Return the resource for a path; with ``more``, for all paths that begin with it."""
        known = tuple(path)
        below = [key for key in self._mounts if key != known and key[: len(known)] == known]
        if more and below:
            return None  # a longer path may belong to a mount below this one
        return self._responsible(path)

    def behind(self) -> list[IResource]:
        """Return all mounted resources, and the fallback."""
        return [*self._mounts.values(), self._fallback]

    def _responsible(self, path: Sequence[bytes]) -> IResource:
        for depth in range(min(self._depth, len(path)), -1, -1):
            mounted = self._mounts.get(tuple(path[:depth]))
            if mounted is not None:
                return mounted
        return self._fallback


class Page(Resource):
    """A resource with the children put here, and nothing else."""

    def getChild(self, path: bytes, request: Request) -> IResource:
        return notFound()


class Directory(File):
    """The files of a directory, without a listing."""

    childNotFound: Any = notFound()

    def directoryListing(self) -> object:
        """Answer as for a missing file."""
        return self.childNotFound
