"""How each HTTP transport wraps a frame, written down a second time (protocol, section 4).

One row per transport: its request, its headers, what stands before the first frame, and the two
directions of its wrapping. `wrap` gives the exact bytes of a frame in plain ASCII; `unwrap` takes
the bytes of one write apart, strictly, and gives the frame.
"""

from __future__ import annotations

import json
import re
from typing import Callable, NamedTuple

JAVASCRIPT = "application/javascript; charset=UTF-8"
HTML = "text/html; charset=UTF-8"

PAGE = b"""<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.callback;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>"""


class Receiver(NamedTuple):
    """An HTTP transport, as a client sees it."""

    name: str
    method: str
    suffix: str
    content_type: str
    prelude: str
    wrap: Callable[[str], bytes]
    pattern: bytes
    decode: Callable[[bytes], str]

    @property
    def streams(self) -> bool:
        return bool(self.prelude)

    def is_prelude(self, data: bytes) -> bool:
        return re.fullmatch(self.prelude.encode(), data, re.DOTALL) is not None

    def unwrap(self, data: bytes) -> str:
        match = re.fullmatch(self.pattern, data, re.DOTALL)
        assert match, f"no {self.name} frame: {data[:200]!r}"
        return self.decode(match.group(1))


def _line(frame: str) -> bytes:
    return frame.encode() + b"\n"


def _utf8(data: bytes) -> str:
    assert b"\n" not in data
    return data.decode("utf-8")


def _event(frame: str) -> bytes:
    for character in "%\r\n\0":
        frame = frame.replace(character, f"%{ord(character):02X}")
    return b"data: " + frame.encode() + b"\r\n\r\n"


def _event_data(data: bytes) -> str:
    assert not set(data) & set(b"\r\n\0")
    text = data.decode("utf-8")
    return re.sub("%(.{0,2})", lambda match: _ESCAPED[match.group(1).upper()], text)


_ESCAPED = {"25": "%", "0D": "\r", "0A": "\n", "00": "\0"}


def _script(frame: str) -> bytes:
    return b"<script>\np(" + json.dumps(frame).encode() + b");\n</script>\r\n"


def _script_data(data: bytes) -> str:
    assert b"</" not in data and b"<!--" not in data and b"<script" not in data.lower()
    return _string(data)


def _call(frame: str) -> bytes:
    return b"/**/callback(" + json.dumps(frame).encode() + b");\r\n"


def _string(data: bytes) -> str:
    value = json.loads(data)
    assert isinstance(value, str)
    return value


XHR = Receiver("xhr", "POST", "xhr", JAVASCRIPT, "", _line, rb"(.*)\n", _utf8)
XHR_STREAMING = Receiver(
    "xhr_streaming",
    "POST",
    "xhr_streaming",
    JAVASCRIPT,
    r"h{2048}\n",
    _line,
    rb"(.*)\n",
    _utf8,
)
EVENTSOURCE = Receiver(
    "eventsource",
    "GET",
    "eventsource",
    "text/event-stream",
    r"\r\n",
    _event,
    rb"data: (.*)\r\n\r\n",
    _event_data,
)
HTMLFILE = Receiver(
    "htmlfile",
    "GET",
    "htmlfile?c=callback",
    HTML,
    re.escape(PAGE.decode()) + r"\n? +\r\n\r\n",
    _script,
    rb'<script>\np\((".*")\);\n</script>\r\n',
    _script_data,
)
JSONP = Receiver(
    "jsonp",
    "GET",
    "jsonp?c=callback",
    JAVASCRIPT,
    "",
    _call,
    rb'/\*\*/callback\((".*")\);\r\n',
    _string,
)

RECEIVERS = (XHR, XHR_STREAMING, EVENTSOURCE, HTMLFILE, JSONP)
POLLS = (XHR, JSONP)
STREAMS = (XHR_STREAMING, EVENTSOURCE, HTMLFILE)


def messages(frame: str) -> list[str]:
    """Take an array frame apart."""
    assert frame.startswith("a["), frame[:100]
    got = json.loads(frame[1:])
    assert isinstance(got, list)
    return got
