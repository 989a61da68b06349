"""The run queue of a router: turns, their order and their bounds."""

from __future__ import annotations

from txsockjs.actors.connection import SockJSConnection

from ...support.fakes import FakeReceiver, FakeServer, make_session, settle


def test_actors_that_tell_each_other_forever_do_not_stop_the_reactor() -> None:
    server = FakeServer()
    first, _ = make_session(server=server)
    FakeReceiver().attach(first)
    count = []

    def again(connection: SockJSConnection, event: str) -> None:
        count.append(event)
        if len(count) < 10000:
            connection.post(event)

    server.on_event = again  # type: ignore[attr-defined]
    first.post("x")
    assert 0 < len(count) < 10000
    while len(count) < 10000:
        server.reactor.advance(0)
    settle(server)
