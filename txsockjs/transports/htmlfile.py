"""htmlfile: frames as scripts in a page that never finishes loading (protocol section 4)."""

from __future__ import annotations

from ..http.headers import HTML, UNBUFFERED, Heads
from ..wire.proto import json_encode
from .receiver import Framing

_PAGE = """\
<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.CALLBACK;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>
"""
# Browsers do not render a page before they have this many bytes.
_LEAST = 1024
_HEADS = Heads(200, HTML, UNBUFFERED)


def wrap(frame: bytes) -> bytes:
    """Return the frame as a script; no message can close it, because ``<`` is escaped."""
    text = json_encode(frame.decode("utf-8")).replace("<", "\\u003c")
    return b"<script>\np(" + text.encode("utf-8") + b");\n</script>\r\n"


def framing(callback: str) -> Framing:
    """Return the framing for a callback name that was checked."""
    page = _PAGE.replace("CALLBACK", callback).encode("ascii")
    prelude = page.ljust(_LEAST + 1) + b"\r\n\r\n"
    return Framing("htmlfile", True, _HEADS, prelude, wrap)
