"""How the clients of the HTTP transports read what comes."""

from __future__ import annotations

import pytest

from txsockjs.testing.http import FRAMINGS, Response


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc\r\nd",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\n\r\nd\r\n0\r\n\r\n",
    ],
)
def test_a_response_is_read_however_it_comes(raw: bytes, size: int) -> None:
    response = Response()
    for start in range(0, len(raw), size):
        assert not response.is_done
        response.feed(raw[start : start + size])
    assert (response.status, response.body, response.is_done) == (200, b"abc\r\nd", True)


@pytest.mark.parametrize("transport", FRAMINGS)
def test_a_frame_is_read_when_it_is_whole(transport: str) -> None:
    body = {
        "xhr": "o\n",
        "xhr_streaming": "h" * 2048 + "\no\n",
        "eventsource": "\r\ndata: o\r\n\r\n",
        "htmlfile": '<html>  \r\n\r\n<script>\np("o");\n</script>\r\n',
        "jsonp": '/**/callback("o");\r\n',
    }[transport]
    read = FRAMINGS[transport].frames
    for end in range(len(body)):
        assert read(body[:end])[0] == []
    assert read(body) == (["o"], len(body))
