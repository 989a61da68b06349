"""One URL: its methods, its gate, and errors as answers."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import formatEvent, globalLogPublisher

from ...support.memory import Lab


def test_each_refused_origin_is_logged_once_and_never_without_end() -> None:
    lab = Lab(allowed_origins=["https://a.example"])
    events: list[Any] = []
    globalLogPublisher.addObserver(events.append)
    try:
        for number in (1, 1, 2, *range(2, 300)):
            refused = lab.xhr(Origin=f"https://evil{number}.test")
            assert refused.status == 403
    finally:
        globalLogPublisher.removeObserver(events.append)
    warnings = [formatEvent(event) for event in events if "allowed_origins" in event["log_format"]]
    assert len(warnings) == 100
    assert warnings[0].startswith("'https://evil1.test' may not use <SockJSRouter Echo at />")
    lab.settle()


@pytest.mark.parametrize(
    ("kind", "method", "path", "body", "headers"),
    [
        ("origin", "GET", "/info", b"", {"Origin": "http://evil.example"}),
        ("session", "POST", "/000/nobody/xhr_send", b'["x"]', {}),
        ("content", "POST", "/000/abc/xhr_send", b"no JSON", {}),
        ("size", "POST", "/000/abc/xhr_send", b'["' + b"x" * 101 + b'"]', {}),
        ("callback", "GET", "/000/abc/jsonp?c=alert(1)", b"", {}),
        ("handshake", "GET", "/000/abc/websocket", b"", {}),
        ("method", "PUT", "/000/abc/xhr", b"", {}),
        ("sessions", "POST", "/000/another/xhr", b"", {}),
    ],
)
def test_each_refusal_is_counted_by_its_kind(
    kind: str, method: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    lab = Lab(allowed_origins="http://good.example", max_message_size=100, max_sessions=1)
    lab.xhr()
    lab.connect().request(method, path, body, **headers)
    counted = {name: n for name, n in lab.router.stats.dump().items() if "refused" in name and n}
    assert counted == {f"refused_{kind}": 1}
    lab.settle()
