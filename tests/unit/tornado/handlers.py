"""A handler as sockjs-tornado's transports are, and sessions that are given one."""

from __future__ import annotations

from typing import Any

from txsockjs.tornado.session import ConnectionInfo, Session, SocketSession
from txsockjs.tornado.transports.base import BaseTransportMixin

from ...support.fakes import FakeServer, Recorder

INFO = ConnectionInfo("192.0.2.1", {}, {}, {}, "/echo/000/abc/xhr")


class Handler(BaseTransportMixin):
    """Notes what it is told; takes ``room`` frames."""

    name = "xhr_streaming"

    def __init__(self, room: int = 1000000) -> None:
        self.heard: list[Any] = []
        self.active = True
        self._room = room

    def get_conn_info(self) -> ConnectionInfo:
        return INFO

    def send_pack(self, pack: Any, binary: bool = False) -> None:
        assert self.active, f"{pack!r} was sent to a handler that is not active"
        self.heard.append(pack)
        self._room -= 1
        self.active = self._room > 0

    def session_closed(self) -> None:
        self.heard.append("closed")


def make_session(kind: type[Any] = Session, **settings: Any) -> tuple[Any, FakeServer]:
    """Return a session and its server; ``server.recorder`` is the connection once it is open."""
    server = FakeServer(**settings)
    session: Session | SocketSession = kind(Recorder, server, "abc", 5)
    server.sessions.add(session)
    return session, server


def open_session(kind: type[Any] = Session, **settings: Any) -> tuple[Any, FakeServer, Handler]:
    """Return a session that a handler opened, its server and the handler."""
    session, server = make_session(kind, **settings)
    handler = Handler()
    assert session.set_handler(handler)
    session.verify_state()
    return session, server, handler


def settle(session: Any, server: FakeServer) -> None:
    """End the session, and check that nothing is left."""
    session.close()
    session.abort()
    server.reactor.advance(0)
    assert len(server.sessions) == 0
    assert server.leaving == set()
    assert server.stats.sessions_active == 0
    assert server.reactor.getDelayedCalls() == []
