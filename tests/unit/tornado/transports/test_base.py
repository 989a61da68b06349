"""What a handler says of its request."""

from __future__ import annotations

from types import SimpleNamespace

from txsockjs.tornado.session import ConnectionInfo
from txsockjs.tornado.transports.base import BaseTransportMixin


def test_a_handler_describes_its_request() -> None:
    class Handler(BaseTransportMixin):
        name = "own"
        request = SimpleNamespace(
            remote_ip="192.0.2.1",
            cookies={"a": "b"},
            arguments={"x": ["1", "2"]},
            headers={"origin": "http://example.com"},
            path="/own",
        )

    handler = Handler()
    handler.session_closed()
    info = handler.get_conn_info()
    assert isinstance(info, ConnectionInfo)
    assert (info.ip, info.path) == ("192.0.2.1", "/own")
    assert info.get_cookie("a") == "b"
    assert info.get_argument("x") == "1"
    assert info.get_header("Origin") == "http://example.com"
