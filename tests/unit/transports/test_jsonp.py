"""The framing of jsonp."""

from __future__ import annotations

from txsockjs.transports import jsonp


def test_a_jsonp_frame_is_a_call_with_a_comment_before_it() -> None:
    assert jsonp.framing("cb").wrap(b'a["x"]') == b'/**/cb("a[\\"x\\"]");\r\n'
