"""What stands in for Tornado's own classes: a handler over memory, a timer on a clock."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from txsockjs.migrate import PeriodicCallback, WebsocketHandler

from ..support.memory import Lab

ORIGIN = "https://page.example"


class Handler(WebsocketHandler):
    """Notes what it hears; the first message tells what to do."""

    log: list[Any]

    def open(self) -> Any:
        self.log.append(("open", self.request.remote_ip, self.get_argument("room", None)))

    def on_message(self, message: Any) -> None:
        self.log.append(message)
        self.write_message(message.upper())

    def on_close(self) -> None:
        self.log.append(("close", self.close_code))


def test_a_handler_opens_writes_and_closes() -> None:
    lab = Lab(Handler)
    assert lab.xhr("/000/abc/xhr?room=%20blue%20").body == b"o\n"
    lab.send(b'["hello"]')
    assert lab.xhr().body == b'a["HELLO"]\n'
    handler = lab.router.get_session("abc").connection  # type: ignore[union-attr]
    assert handler.close_code is None
    handler.close(4000, "enough")
    lab.pass_time(1)
    assert lab.log == [("open", "192.0.2.1", "blue"), "hello", ("close", 4000)]
    assert handler.close_reason == (4000, "enough")
    lab.settle()


def test_the_request_has_what_the_client_sent() -> None:
    lab = Lab(WebsocketHandler, allowed_origins=[ORIGIN])
    lab.xhr("/000/abc/xhr?a=1&a=%202", Origin=ORIGIN, Cookie="name=ann", User_Agent="test")
    handler: Any = lab.router.get_session("abc").connection  # type: ignore[union-attr]
    assert handler.request.arguments == {"a": ["1", " 2"]}
    assert handler.request.cookies == {"name": "ann"}
    assert handler.request.headers["user-agent"] == "test"
    assert handler.request.path == "/000/abc/xhr"
    assert handler.get_argument("a") == "2"
    assert handler.get_argument("a", strip=False) == " 2"
    assert handler.get_argument("b", "none") == "none"
    assert handler.get_arguments("a") == ["1", "2"]
    assert handler.get_arguments("a", strip=False) == ["1", " 2"]
    assert handler.get_arguments("b") == []
    assert handler.get_cookie("name") == "ann"
    assert handler.get_cookie("other") is None
    assert handler.get_cookie("other", "none") == "none"
    lab.settle()


def test_a_missing_argument_refuses_the_client() -> None:
    class Strict(Handler):
        def open(self) -> None:
            self.get_argument("token")

    lab = Lab(Strict)
    assert lab.xhr().body == b"o\n"
    assert lab.xhr().body == b'c[1008,"Missing argument token"]\n'
    lab.settle()


def test_what_open_returns_rejects_nobody_and_what_it_awaits_is_awaited() -> None:
    waiting: Deferred[None] = Deferred()
    for answer in (False, waiting):
        lab = Lab(type("Answering", (Handler,), {"open": lambda self, answer=answer: answer}))
        lab.xhr()
        lab.send(b'["hello"]')
        assert lab.log == (["hello"] if answer is False else [])
        if answer is waiting:
            waiting.callback(None)
            assert lab.log == ["hello"]
        assert lab.xhr().body == b'a["HELLO"]\n'
        lab.settle()


def test_a_dictionary_is_written_as_json_and_bytes_are_written_on_a_raw_websocket() -> None:
    lab = Lab(WebsocketHandler)
    client = lab.upgrade("/websocket")
    client.take()
    (session,) = lab.router.sessions
    session.connection.write_message({"a": ["é", 1]})
    session.connection.write_message("é", binary=True)
    text = '{"a":["é",1]}'.encode()
    assert client.take() == bytes((0x81, len(text))) + text + b"\x82\x02" + "é".encode()
    client.vanish()
    lab.settle()


def test_a_periodic_callback_counts_in_milliseconds() -> None:
    clock, calls = Clock(), []
    periodic = PeriodicCallback(lambda: calls.append(clock.seconds()), 1500, clock)
    assert not periodic.is_running()
    periodic.start()
    periodic.start()
    assert periodic.is_running()
    clock.pump([0.5] * 9)
    assert calls == [1.5, 3.0, 4.5]
    periodic.stop()
    periodic.stop()
    assert not periodic.is_running()
    assert clock.getDelayedCalls() == []


def test_a_periodic_callback_that_fails_is_called_again() -> None:
    clock, calls, events = Clock(), [], []

    async def fail() -> None:
        calls.append(clock.seconds())
        raise ValueError("no luck")

    def observe(event: Any) -> None:
        if "log_failure" in event:
            events.append(event["log_failure"].value.args)

    periodic = PeriodicCallback(fail, 1000, clock)
    periodic.start()
    globalLogPublisher.addObserver(observe)
    try:
        clock.pump([1, 1])
    finally:
        globalLogPublisher.removeObserver(observe)
    periodic.stop()
    assert calls == [1, 2]
    assert events == [("no luck",)] * 2
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("milliseconds", [0, -1, float("nan")])
def test_a_periodic_callback_needs_a_time(milliseconds: float) -> None:
    with pytest.raises(ValueError, match="callback_time must be > 0 milliseconds, not"):
        PeriodicCallback(lambda: None, milliseconds, Clock())
