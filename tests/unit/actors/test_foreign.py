"""Whatever a program's own code raises, wherever it is called, ends one session or one request.

Each kind of exception, those that are no `Exception` too, in each function, producer and callback
that is not ours.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.logger import capturedLogs

from txsockjs import SockJSConnection
from txsockjs.actors.states import RECEIVED
from txsockjs.errors import NotFound
from txsockjs.wire.proto import Message

from ...support.fakes import FakeReceiver, FakeServer, Producer, make_session, settle
from ...support.sites import Client, SiteLab, request


class Own(BaseException):
    """What a program made of its own."""


KINDS = [
    *(ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, Own),
    *(CancelledError, asyncio.CancelledError, NotFound),
]

kinds = pytest.mark.parametrize(
    "what", KINDS, ids=lambda what: f"{what.__module__}.{what.__name__}"
)
ways = pytest.mark.parametrize("fast", [True, False], ids=["front", "web"])

ORIGIN = "Origin: http://a.example"
CAME_HERE = "Referer: http://a.example/"


def post(name: str, body: bytes = b"") -> bytes:
    return request("POST", f"/chat/000/abc/{name}", body, ORIGIN)


def get(path: str) -> bytes:
    return request("GET", f"/chat/{path}", b"", ORIGIN)


def upgrade(path: str) -> bytes:
    return request(
        *("GET", f"/chat/{path}", b"", ORIGIN, "Upgrade: websocket", "Connection: Upgrade"),
        *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
    )


# What is asked for where, and by which requests.
OPENING = {
    "xhr": post("xhr"),
    "xhr_streaming": post("xhr_streaming"),
    "eventsource": get("000/abc/eventsource"),
    "htmlfile": get("000/abc/htmlfile?c=x"),
    "jsonp": get("000/abc/jsonp?c=x"),
    "websocket": upgrade("000/abc/websocket"),
    "raw": upgrade("websocket"),
}
SENDING = {"xhr_send": post("xhr_send", b'["a"]'), "jsonp_send": post("jsonp_send", b'["a"]')}
READING = {"info": get("info"), "iframe": request("GET", "/chat/iframe.html", b"", CAME_HERE)}
ASKED = [
    *(("jsessionid", name, data) for name, data in {**OPENING, **SENDING}.items()),
    ("base_url", "info", READING["info"]),
    *(("allowed_origins", name, data) for name, data in {**OPENING, **SENDING, **READING}.items()),
]


class Function:
    """A setting's function, which raises what it is told to."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.raises: Any = None
        self.calls = 0

    def __call__(self, argument: Any) -> Any:
        self.calls += 1
        if self.raises is not None:
            raise self.raises()
        return self.answer


ANSWERS = {"jsessionid": "JSESSIONID=x", "base_url": "http://b.example", "allowed_origins": True}


def ask(lab: SiteLab, data: bytes) -> Client:
    client = lab.connect()
    client.send(data)
    lab.clock.advance(0)
    return client


def greeted(lab: SiteLab) -> None:
    """Check that the router serves, and whom it has."""
    assert ask(lab, request("GET", "/chat")).answers[0].body == [b"Welcome to SockJS!\n"]


@ways
@kinds
@pytest.mark.parametrize(
    ("setting", "name", "data"), ASKED, ids=[f"{each[0]}-{each[1]}" for each in ASKED]
)
def test_a_function_that_raises_ends_its_request(
    setting: str, name: str, data: bytes, what: Any, fast: bool
) -> None:
    function = Function(ANSWERS[setting])
    lab = SiteLab(fast=fast, **{setting: function})
    if name in SENDING:
        ask(lab, post("xhr"))
    known = len(lab.router.sessions)
    log = list(lab.log)
    function.calls, function.raises = 0, what
    with capturedLogs() as logged:
        client = ask(lab, data)
    assert function.calls > 0
    (answer,) = client.answers
    assert answer.code == (404 if what is NotFound and setting != "jsessionid" else 500)
    assert [each["log_failure"].type for each in logged if "log_failure" in each] in ([what], [])
    assert len(lab.router.sessions) == known
    assert lab.log == log
    greeted(lab)
    function.calls, function.raises = 0, None
    client = ask(lab, data)
    # Behind twisted.web the gate is asked before the body, and again with all of the request.
    twice = setting == "allowed_origins" and name in SENDING and not fast
    assert function.calls == 1 + twice
    assert client.answers[0].code in (101, 200, 204)
    if name in OPENING:
        assert lab.log == ["open"]
    elif name in SENDING:
        assert lab.log == ["open", "a"]
    lab.settle()


@ways
@kinds
@pytest.mark.parametrize("setting", ["jsessionid", "allowed_origins"])
@pytest.mark.parametrize(
    "name", [name for name in OPENING if "websocket" not in name and name != "raw"]
)
def test_a_function_that_raises_later_does_not_end_the_session(
    setting: str, name: str, what: Any, fast: bool
) -> None:
    function = Function(ANSWERS[setting])
    lab = SiteLab(fast=fast, **{setting: function})
    ask(lab, post("xhr"))
    function.raises = what
    with capturedLogs():
        assert ask(lab, OPENING[name]).answers[0].code in (500, 404)
    function.raises = None
    lab.router.get_session("abc").send("still here")  # type: ignore[union-attr]
    assert b"still here" in ask(lab, OPENING[name]).received
    assert lab.log == ["open"]
    lab.settle()


# -- producers


class Failing(Producer):
    """A producer that raises in one of its methods, once it is told to."""

    def __init__(self, where: str, what: Any) -> None:
        super().__init__()
        self._where = where
        self._what = what

    def _told(self, word: str) -> None:
        self.told.append(word)
        if word == self._where:
            raise self._what()

    def pauseProducing(self) -> None:
        self._told("pause")

    def resumeProducing(self) -> None:
        self._told("resume")

    def stopProducing(self) -> None:
        self._told("stop")


def works(server: FakeServer) -> None:
    """Check that turns still run, and that a session of the same router is served."""
    session, _ = make_session(server=server)
    receiver = FakeReceiver().attach(session)
    session.send("bystander")
    assert receiver.heard == ["o", "abystander"]


@kinds
@pytest.mark.parametrize(
    ("where", "streaming"),
    [("resume", False), ("resume", True), ("pause", True), ("stop", True), ("stop", False)],
)
def test_a_producer_that_raises_ends_its_session(where: str, streaming: bool, what: Any) -> None:
    server = FakeServer()
    session, _ = make_session(server=server)
    receiver = FakeReceiver().attach(session)
    producer = Failing(where, what)
    with capturedLogs() as logged:
        session.register_producer(producer, streaming)
        if where == "pause" or streaming:
            receiver.stall()
            session.send("x" * 70000)
            receiver.drain()
        if where == "stop":
            session.close()
        server.reactor.advance(0)
    assert where in producer.told
    assert [each["log_failure"].type for each in logged] == [what]
    end = "c3000 Go away!" if where == "stop" else "c1011 Internal error"
    assert receiver.heard[-1] == end
    works(server)
    settle(server)


# -- what is sent


class Odd(str):
    """Text whose methods raise once it is sent."""

    what: Any = None

    def _raise(self, *arguments: Any) -> Any:
        if self.what is not None:
            raise self.what()
        return NotImplemented

    __str__ = __len__ = __iter__ = __hash__ = isascii = isprintable = encode = _raise
    __getitem__ = __contains__ = __eq__ = __format__ = _raise  # type: ignore[assignment]


class OddMessage(Odd, Message):
    @property
    def frame(self) -> bytes:
        return self._raise()  # type: ignore[no-any-return]


@kinds
@pytest.mark.parametrize("kind", [Odd, OddMessage])
def test_a_message_of_a_class_of_its_own_is_the_text_it_is(kind: Any, what: Any) -> None:
    server = FakeServer()
    session, _ = make_session(server=server)
    receiver = FakeReceiver().attach(session)
    message = kind("text")
    message.what = what
    session.send(message)
    assert [type(each) for each in receiver.delivered] == [str]
    assert receiver.heard == ["o", "atext"]
    works(server)
    settle(server)


class Unwritable(FakeReceiver):
    """A receiver that can't encode what it is given."""

    what: Any = None

    def deliver(self, messages: list[Any]) -> None:
        raise self.what()


@kinds
def test_what_can_not_be_encoded_ends_its_session_with_an_answer(what: Any) -> None:
    server = FakeServer()
    session, _ = make_session(server=server)
    receiver = Unwritable()
    receiver.what = what
    receiver.attach(session)
    with capturedLogs() as logged:
        session.send("a")
        server.reactor.advance(0)
    assert receiver.heard == ["o", "c1011 Internal error"]
    assert [each["log_failure"].type for each in logged] == [what]
    assert server.recorder.calls == ["open", "close"]  # type: ignore[attr-defined]
    works(server)
    settle(server)


# -- connections


def raising(what: Any, style: str) -> Any:
    """A callback that raises, of one style."""

    def plain(self: Any, *arguments: Any) -> None:
        raise what()

    async def later(self: Any, *arguments: Any) -> None:
        raise what()

    return plain if style == "plain" else later


PLACES = ["__init__", "on_open", "on_message", "on_event", "on_close", "on_error"]


@ways
@kinds
@pytest.mark.parametrize(
    ("place", "style"),
    [
        *((place, "plain") for place in PLACES),
        *((place, "async") for place in ("on_open", "on_message", "on_event", "on_close")),
    ],
)
@pytest.mark.parametrize("transport", ["xhr_streaming", "websocket"])
def test_a_connection_that_raises_ends_its_session(
    transport: str, place: str, style: str, what: Any, fast: bool
) -> None:
    if style == "async" and what is StopIteration:
        what = RuntimeError  # which Python makes of it

    class Broken(SockJSConnection):
        def on_message(self, message: Any) -> None:
            if place == "on_error":
                raise ValueError("for on_error")
            self.close(3001, "as told")

    setattr(Broken, place, raising(what, style))
    lab = SiteLab(fast=fast, base=Broken)
    with capturedLogs() as logged:
        client = ask(lab, OPENING[transport])
        for session in lab.router.sessions:
            session.post("event") if place == "on_event" else session.tell(RECEIVED, ["a"])
        lab.clock.advance(0)
    end = b"Internal error" if place != "on_close" else b"as told"
    assert (b"c[3001," if place == "on_close" else b"c[1011,") in client.received
    assert end in client.received
    failed = [each["log_failure"].type for each in logged]
    # A callback that is cancelled after the end is nothing to report.
    assert what in failed or (place == "on_close" and "Cancelled" in what.__name__)
    greeted(lab)
    lab.settle()
