"""`ScriptResource`: ``txsockjs.js``, the script for pages that reconnect by themselves.

``root.putChild(b"txsockjs.js", ScriptResource())`` serves it; ``twistd sockjs`` serves it at
``/txsockjs.js``. Its types, ``txsockjs.d.ts``, are in the same folder.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import hashlib
from importlib import resources

from twisted.web.http import CACHED
from twisted.web.resource import Resource
from twisted.web.server import Request

__all__ = ["NAME", "ScriptResource"]

NAME = "txsockjs.js"


class ScriptResource(Resource):
    """Serve the script; a client that has this version already gets 304."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self._script = resources.files(__name__).joinpath(NAME).read_bytes()
        self._etag = b'"' + hashlib.sha256(self._script).hexdigest()[:32].encode("ascii") + b'"'

    def render_GET(self, request: Request) -> bytes:
        """Answer with the script, or 304."""
        request.setHeader("Content-Type", "text/javascript; charset=UTF-8")
        request.setHeader("Cache-Control", "no-cache")
        request.setHeader("X-Content-Type-Options", "nosniff")
        return b"" if request.setETag(self._etag) is CACHED else self._script
