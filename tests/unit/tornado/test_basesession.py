"""Sessions that applications make: a multiplexer's, and each promise of `BaseSession`."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from txsockjs import Refused
from txsockjs.tornado import SockJSConnection
from txsockjs.tornado.session import BaseSession

from ...support.fakes import FakeServer
from .handlers import INFO, Handler


class Channel(BaseSession):
    """Notes what is sent, as a session that is carried by another one passes it on."""

    def __init__(self, conn: type[Any], server: Any) -> None:
        super().__init__(conn, server)
        self.sent: list[Any] = []

    def send_message(self, msg: Any, stats: bool = True, binary: bool = False) -> None:
        self.sent.append((msg, binary) if binary else msg)

    def close(self, code: int = 3000, message: str = "Go away!") -> None:
        self.sent.append(f"closed {code}")
        self.leave(code, message)

    def leave(self, code: int, message: str) -> None:
        super().close(code, message)


class Noting(SockJSConnection):
    """Notes its callbacks; ``opening`` is what ``on_open`` does."""

    opening = staticmethod(lambda connection: None)
    closing = staticmethod(lambda connection: None)

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.calls: list[Any] = []

    def on_open(self, request: Any) -> Any:
        self.calls.append(request)
        return self.opening(self)

    def on_message(self, message: Any) -> Any:
        self.calls.append(message)

    def on_event(self, event: Any) -> Any:
        self.calls.append(("event", event))

    def on_close(self) -> Any:
        self.calls.append("close")
        return self.closing(self)


class HTTPError(Exception):
    """As Tornado's."""

    status_code = 403


def opened(**callbacks: Any) -> tuple[Any, FakeServer, Handler]:
    """Return an open session, its server and its handler."""
    own = {name: staticmethod(call) for name, call in callbacks.items()}
    server, handler = FakeServer(), Handler()
    session = Channel(type("Noting", (Noting,), own), server)
    assert session.set_handler(handler)
    session.verify_state()
    return session, server, handler


def test_it_is_made_with_its_connection_and_opened_by_its_state() -> None:
    server = FakeServer()
    session = Channel(Noting, server)
    assert type(session.conn) is Noting
    assert session.conn.session is session
    assert session.stats is server.stats
    assert session.conn_info is None
    assert session.set_handler(Handler())
    assert session.conn_info is INFO
    assert session.conn.calls == []
    session.verify_state()
    session.verify_state()
    assert session.conn.calls == [INFO]
    assert session.conn.info is INFO
    assert server.reactor.getDelayedCalls() == []


def test_it_has_one_handler_at_a_time() -> None:
    session, _, handler = opened()
    other = Handler()
    with pytest.raises(RuntimeError, match="has a handler already"):
        session.set_handler(other)
    with pytest.raises(RuntimeError, match="is not the handler of"):
        session.remove_handler(other)
    session.remove_handler(handler)
    assert session.set_handler(other)
    assert session.handler is other


def test_what_its_connection_sends_goes_to_its_own_method() -> None:
    session, _, _ = opened()
    other, _, _ = opened()
    session.conn.send("a")
    session.conn.send({"b": 1})
    session.conn.send("c", binary=True)
    session.send_jsonified('["d"]')
    session.conn.broadcast([session.conn, other.conn], "e")
    assert session.sent == ["a", {"b": 1}, ("c", True), ["d"], "e"]
    assert other.sent == ["e"]


def test_a_base_that_overrides_nothing_can_send_nothing() -> None:
    with pytest.raises(NotImplementedError, match="BaseSession must override send_message"):
        BaseSession(Noting, FakeServer()).send_message("a")


def test_a_close_tells_the_handler_at_once_and_the_connection_later() -> None:
    session, server, handler = opened()
    session.conn.close(4001, "x")
    session.conn.close()
    assert session.is_closed
    assert session.get_close_reason() == (4001, "x")
    assert handler.heard == ["closed"]
    assert session.conn.calls == [INFO]
    assert len(server.leaving) == 1
    server.reactor.advance(0)
    assert session.conn.calls == [INFO, "close"]
    assert server.leaving == set()


def test_a_delayed_close_comes_with_the_next_iteration() -> None:
    session, server, _ = opened()
    session.delayed_close()
    assert not session.is_closed
    assert session.get_close_reason() == (3000, "Go away!")
    server.reactor.advance(0)
    assert session.is_closed


def test_after_the_end_a_message_is_dropped_and_counted() -> None:
    session, server, _ = opened()
    session.close()
    session.conn.send("a")
    session.conn.broadcast([session.conn], "b")
    assert session.sent == ["closed 3000"]
    assert server.stats.messages_dropped == 2


def test_one_that_was_never_opened_ends_without_its_connection() -> None:
    server = FakeServer()
    session = Channel(Noting, server)
    session.close()
    session.verify_state()
    server.reactor.advance(0)
    assert session.conn.calls == []
    assert server.leaving == set()


def raising(error: Exception) -> Any:
    def on_open(connection: Any) -> None:
        raise error

    return on_open


async def answer_no(connection: Any) -> bool:
    return False


@pytest.mark.parametrize(
    ("on_open", "reason"),
    [
        (lambda connection: connection.close(), (3000, "Go away!")),
        (lambda connection: False, (3000, "Go away!")),
        (answer_no, (3000, "Go away!")),
        (raising(Refused(4403, "no")), (4403, "no")),
        (raising(HTTPError()), (3000, "Go away!")),
    ],
)
def test_a_connection_can_reject_its_client(on_open: Any, reason: tuple[int, str]) -> None:
    session, server, _ = opened(opening=on_open)
    assert session.get_close_reason() == reason
    assert session.sent == [f"closed {reason[0]}"]
    server.reactor.advance(0)
    assert session.conn.calls == [INFO, "close"]


def test_a_deferred_rejects_when_it_fires() -> None:
    answer: Deferred[bool] = Deferred()
    session, _, _ = opened(opening=lambda connection: answer)
    assert not session.is_closed
    answer.callback(False)
    assert session.is_closed


def test_a_failure_is_logged_and_ends_this_session_alone() -> None:
    with capturedLogs() as logs:
        session, _, _ = opened(opening=raising(ValueError("broken")))
    assert session.close_reason == (1011, "Internal error")
    (event,) = logs
    assert event["log_failure"].check(ValueError)
    event["log_failure"].cleanFailure()


def test_an_end_that_takes_time_is_waited_for_and_can_be_given_up() -> None:
    for give_up in (False, True):
        answer: Deferred[None] = Deferred()
        session, server, _ = opened(closing=lambda connection, answer=answer: answer)
        session.close()
        server.reactor.advance(0)
        (last,) = server.leaving
        last.stay()  # type: ignore[attr-defined]
        if give_up:
            assert last.give_up() == 0  # type: ignore[attr-defined]
        else:
            answer.callback(None)
        assert server.leaving == set()


def test_an_event_is_posted_while_it_is_open() -> None:
    session, _, _ = opened()
    session.conn.post("a")
    session.close()
    session.conn.post("b")
    assert session.conn.calls == [INFO, ("event", "a")]
