"""What is left of connections through the front of a site, once they have ended: nothing."""

from __future__ import annotations

import gc
from collections import Counter
from unittest import mock

import pytest
from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.base import DelayedCall
from twisted.internet.task import LoopingCall
from twisted.web.http import HTTPChannel, Request

from txsockjs.actors.application import Application
from txsockjs.actors.mailbox import Mailbox
from txsockjs.actors.session import BaseSession
from txsockjs.http.exchange import Exchange
from txsockjs.server.body_limit import SockJSRequest
from txsockjs.server.front import Front
from txsockjs.transports.receiver import HTTPReceiver
from txsockjs.transports.websocket.receiver import WebSocketReceiver

from ...support.frames import frame
from ...support.sites import LIMIT, POLL, SEND, UPGRADE, SiteLab, Wire, request

KINDS = (
    *(Application, BaseSession, DelayedCall, Exchange, Front, HTTPChannel, HTTPReceiver),
    *(LoopingCall, Mailbox, Request, WebSocketProtocol, WebSocketReceiver, Wire),
)

CONVERSATIONS = {
    "nothing": b"",
    "a poll": POLL,
    "a waiting poll": POLL + POLL,
    "polls and messages": POLL + SEND + POLL + SEND,
    "half a body": POLL + SEND[:-3],
    "requests behind a poll": POLL + POLL + SEND * 5,
    "a stream": request(path="/chat/000/abc/xhr_streaming"),
    "an eventsource": request("GET", "/chat/000/abc/eventsource"),
    "a jsonp": request("GET", "/chat/000/abc/jsonp?c=c"),
    "a preflight": request("OPTIONS"),
    "a refusal": request("GET", "/chat/000/abc/websocket"),
    "a websocket": UPGRADE + frame(1, b'"hello"'),
    "a closed websocket": UPGRADE + frame(1, b'"hello"') + frame(8, b"\x03\xe8"),
    "a websocket that is closed": UPGRADE + frame(1, b'"close"'),
    "a fragment": UPGRADE + b"\x01\x80\0\0\0\0",
    "fragments": UPGRADE + b'\x01\x83\0\0\0\0"ab' + b'\x80\x82\0\0\0\0c"',
    "a violation": UPGRADE + b"\xff\xff",
    "info": request("GET", "/chat/info"),
    "a poll and info": POLL + request("GET", "/chat/info"),
    "a bad request": b"\0\r\n\r\n",
    "a body over the limit": request(body=b"x" * (LIMIT + 1)),
}


def count() -> Counter[str]:
    return Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, KINDS))


# Before the log has begun, Twisted keeps what is logged, and who did that.
@mock.patch.object(HTTPChannel, "_log", mock.Mock())
@mock.patch.object(SockJSRequest, "_log", mock.Mock())
@pytest.mark.parametrize("who", ["the peer", "the server", "time"])
def test_nothing_is_left(who: str) -> None:
    lab = SiteLab(time_out=8)

    def talk(data: bytes, times: int) -> None:
        for i in range(times):
            client = lab.connect()
            client.send(data.replace(b"/abc/", b"/%d/" % i))
            lab.clients.clear()
            if who == "the server":
                client.transport.loseConnection()
            elif who == "time":
                lab.pass_time(2)
            if who != "time":
                client.vanish()
        lab.pass_time(60)
        for transport in lab.site.connections():  # streams and polls have no end
            transport.end(ConnectionError())
        lab.pass_time(60)

    for data in CONVERSATIONS.values():
        talk(data, 2)
    gc.collect()
    before = count()
    for data in CONVERSATIONS.values():
        talk(data, 10 if who == "time" else 50)
    gc.collect()
    assert count() - before == Counter()
    assert lab.site._open == set()
    lab.settle()


@pytest.mark.parametrize(
    "name",
    ["a websocket", "a closed websocket", "a websocket that is closed", "a poll", "a stream"],
)
def test_a_session_that_ended_waits_for_no_garbage_collection(name: str) -> None:
    lab = SiteLab()

    def talk() -> None:
        client = lab.connect()
        client.send(CONVERSATIONS[name])
        lab.clients.clear()
        client.vanish()

    talk()
    lab.pass_time(60)
    gc.collect()
    before = count()
    gc.disable()
    try:
        for _ in range(20):
            talk()
            lab.pass_time(60)
        left = count() - before
    finally:
        gc.enable()
    assert left == Counter()
    lab.settle()
