"""jsonp-polling: frames as calls of the page's function (protocol section 4)."""

from __future__ import annotations

from ..http.headers import JAVASCRIPT, UNBUFFERED, Heads
from ..wire.proto import json_encode
from .receiver import Framing

#: A longer callback name could contain a program (CVE-2014-4671).
LONGEST_CALLBACK = 32
_HEADS = Heads(200, JAVASCRIPT, UNBUFFERED, (b"X-Content-Type-Options", b"nosniff"))


def framing(callback: str) -> Framing:
    """Return the framing for a callback name that was checked."""
    start = b"/**/" + callback.encode("ascii") + b"("

    def wrap(frame: bytes) -> bytes:
        return start + json_encode(frame.decode("utf-8")).encode("utf-8") + b");\r\n"

    return Framing("jsonp", False, _HEADS, b"", wrap)
