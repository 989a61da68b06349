"""Handlers written for ``tornado.websocket``, on connections as sockjs-tornado has them."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from txsockjs import migrate as core
from txsockjs.testing import connect, settle
from txsockjs.tornado import SockJSConnection, SockJSRouter, migrate


class Handler(migrate.WebsocketHandler):
    def open(self) -> None:
        self.write_message({"room": self.get_argument("room")})

    def on_message(self, message: Any) -> None:
        self.write_message([message])
        self.write_message(message, binary=True)


def test_a_handler_is_a_connection_of_this_package() -> None:
    assert issubclass(Handler, SockJSConnection)
    assert migrate.PeriodicCallback is core.PeriodicCallback


def test_it_sends_what_is_no_text_as_its_json_and_bytes_where_that_is_possible() -> None:
    router = SockJSRouter(Handler, io_loop=Clock())
    raw = connect(router, "rawwebsocket", query="room=a")
    raw.send("x")
    assert raw.take() == ['{"room":"a"}', '["x"]', b"x"]
    framed = connect(router, "websocket", query="room=b")
    framed.send("x")
    assert framed.take() == [{"room": "b"}, ["x"], "x"]
    for client in (raw, framed):
        client.close()
    settle(router)


def test_without_an_argument_that_it_needs_it_is_refused() -> None:
    router = SockJSRouter(Handler, io_loop=Clock())
    client = connect(router, "websocket")
    assert client.close_reason == (1008, "Missing argument room")
    settle(router)
