"""What connections send, on every transport and whatever serves them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

import txsockjs
from txsockjs.testing import connect, settle
from txsockjs.tornado import SockJSConnection, SockJSRouter

from ...support.memory import Lab


class Sender(SockJSConnection):
    def on_message(self, message: Any) -> None:
        self.send({"said": message})
        self.send([1, None, "é\u2028"])
        self.send(b"bytes")
        self.send("text", binary=True)
        self.broadcast([self], {"to": "all"})
        self.broadcast([self], b"all")


SENT = [{"said": "a"}, [1, None, "é\u2028"], "bytes", "text", {"to": "all"}, "all"]


class TornadoLab(Lab):
    router_class = SockJSRouter


class PlainLab(Lab):
    router_class = txsockjs.SockJSRouter


@pytest.mark.parametrize("lab_class", [TornadoLab, PlainLab])
def test_what_is_no_text_arrives_parsed(lab_class: type[Lab]) -> None:
    lab = lab_class(Sender)
    lab.xhr()
    lab.send(b'["a"]')
    answer = lab.xhr().body.decode()
    assert answer[0] == "a"
    assert json.loads(answer[1:]) == SENT
    assert "\u2028" not in answer
    lab.settle()


def test_on_a_raw_websocket_it_is_the_text_of_its_json() -> None:
    router = SockJSRouter(Sender, io_loop=Clock())
    client = connect(router, "rawwebsocket")
    client.send("a")
    assert client.take() == [
        *('{"said":"a"}', '[1,null,"é\\u2028"]', "bytes", b"text", '{"to":"all"}', "all"),
    ]
    client.close()
    settle(router)


class HTTPError(Exception):
    """As Tornado's."""

    def __init__(self, status_code: int) -> None:
        super().__init__(status_code)
        self.status_code = status_code


def test_an_http_error_rejects_the_client_and_is_no_failure() -> None:
    class Rejecting(SockJSConnection):
        def on_open(self, request: Any) -> None:
            raise HTTPError(403)

    lab = TornadoLab(Rejecting)
    with capturedLogs() as logs:
        lab.xhr()
        assert lab.xhr().body == b'c[3000,"Go away!"]\n'
    (event,) = logs
    assert event["log_level"].name == "info"
    lab.settle()


def test_other_errors_are_failures() -> None:
    class Broken(SockJSConnection):
        def on_open(self, request: Any) -> None:
            raise ValueError("broken")

    lab = TornadoLab(Broken)
    with capturedLogs() as logs:
        lab.xhr()
        assert lab.xhr().body == b'c[1011,"Internal error"]\n'
    (event,) = logs
    assert event["log_failure"].check(ValueError)
    event["log_failure"].cleanFailure()
    lab.settle()


def test_twistd_serves_it_with_its_own_router() -> None:
    clock = Clock()
    settings = txsockjs.Settings(heartbeat_delay=7)
    router = Sender.make_router("/chat", settings, clock)
    assert type(router) is SockJSRouter
    assert (router.prefix, router.settings, router.reactor) == ("/chat", settings, clock)
    assert router.get_connection_class() is Sender
