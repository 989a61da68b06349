"""`BaseSession`: a session that an application subclasses and makes itself, as multiplexers do.

Rules: it calls its connection directly, inside the call that it gets, as multiplexers call
``conn.on_message``; only ``on_close`` waits for the end of the running turn. A callback that fails
ends this session, not the one that carries it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextvars import copy_context
from functools import partial
from typing import Any, Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..actors.awaiting import to_deferred, unless_false
from ..actors.info import ConnectionInfo
from ..actors.interfaces import GO_AWAY, INTERNAL_ERROR, Client, Reason, RouterForSessions
from ..actors.scheduler import Scheduler
from ..errors import Refused
from ..wire.proto import json_decode
from .messages import outgoing, shared

_log = Logger()


class BaseSession:
    """A session without a transport; subclasses override ``send_message`` to send messages.

    ``conn`` is a connection class, which is instantiated at once; ``server`` is the router of the
    connection that carries this session. Its connection has no producers. For channels with
    producers, whose callbacks run in turns, use `txsockjs.multiplex`.
    """

    conn: Any
    conn_info: Any
    info: ConnectionInfo | None
    server: Any
    stats: Any
    close_reason: Reason | None

    def __init__(self, conn: type[Any], server: Any) -> None:
        self.server = server
        self.stats = server.stats
        self.close_reason = None
        self.handler: Any = None
        # Taken from the first handler's request.
        self.conn_info = self.info = None
        self._opened = False
        self._context = copy_context()
        self.conn = conn(self)

    @property
    def is_closed(self) -> bool:
        """Whether the session has ended."""
        return self.close_reason is not None

    # -- handlers

    def set_handler(self, handler: Any) -> bool:
        """Set the handler, a `BaseTransportMixin`; raise `RuntimeError` if there is one already."""
        if self.handler is not None:
            raise RuntimeError(f"{self!r} has a handler already")
        self.handler = handler
        if self.conn_info is None:
            self.conn_info = self.info = handler.get_conn_info()
        return True

    def verify_state(self) -> None:
        """Open the session unless it is open; this calls ``on_open`` now."""
        if not self._opened and not self.is_closed:
            self._opened = True
            self._supervise(self._call_on_open)

    def remove_handler(self, handler: Any) -> None:
        """Forget the handler; raise `RuntimeError` if another one is set."""
        if self.handler is not handler:
            raise RuntimeError(f"{handler!r} is not the handler of {self!r}")
        self.handler = None

    # -- messages

    def send_message(self, msg: object, stats: bool = True, binary: bool = False) -> None:
        """Send a message; subclasses override this."""
        raise NotImplementedError(f"{type(self).__name__} must override send_message")

    def send_jsonified(self, msg: Any, stats: bool = True) -> None:
        """Send a message that is already JSON."""
        self.send_message(json_decode(msg), stats)

    def broadcast(self, clients: Iterable[Client], msg: object) -> None:
        """Send one message to many connections, encoding it once."""
        broadcast(self.server.scheduler, clients, msg)

    def post(self, event: object) -> None:
        """Deliver any object to ``on_event``."""
        if self._opened and not self.is_closed:
            call = partial(self.conn.on_event, event)
            self.server.scheduler.tell(self._supervise, call)

    # -- the end

    def close(self, code: int = GO_AWAY[0], message: str = GO_AWAY[1]) -> None:
        """End the session: tell the handler now, and call ``on_close`` later in this turn."""
        if self.is_closed:
            return
        self.close_reason = (code, message)
        if self._opened:
            last = LastCall(self.server)
            self.server.scheduler.tell_later(last.make, self._end)
        if self.handler is not None:
            self.handler.session_closed()

    def delayed_close(self) -> None:
        """Close once the running turn is done."""
        self.server.scheduler.tell_later(self.close)

    def get_close_reason(self) -> Reason:
        """Return the close code and reason; before the end, those of `close` by default."""
        return self.close_reason or GO_AWAY

    # -- calls to the connection

    def _call_on_open(self) -> Any:
        return unless_false(self.conn.on_open(self.conn_info), self.close)

    def _end(self) -> Deferred[object] | None:
        return self._supervise(self.conn.on_close)

    def _supervise(self, call: Callable[[], object]) -> Deferred[object] | None:
        """Make a call whose failure ends this session, but not the one that carries it."""
        try:
            awaited = to_deferred(call(), self.server.scheduler.turn, self._context)
        except BaseException:  # noqa: BLE001
            self._failed(Failure())
            return None
        return None if awaited is None else awaited.addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if isinstance(failure.value, Refused):
            self.close(failure.value.code, failure.value.reason)
        elif self.is_closed and failure.check(CancelledError, asyncio.CancelledError):
            pass  # given up
        elif self.conn.on_error(failure) is not True:
            _log.failure("an application failed, which ends {session!r}", failure, session=self)
            self.close(*INTERNAL_ERROR)


class LastCall:
    """An ``on_close`` that a closing router waits for."""

    def __init__(self, server: RouterForSessions) -> None:
        self._server = server
        self._awaited: Deferred[Any] | None = None
        server.enter(self)

    def make(self, call: Callable[[], Deferred[object] | None]) -> None:
        """Make the call, and tell the router when it is done."""
        self._awaited = call()
        if self._awaited is None:
            self._server.leave(self)
        else:
            self._awaited.addBoth(lambda _: self._server.leave(self))

    def stay(self) -> None:
        """Do nothing: there is no time limit."""

    def give_up(self) -> int:
        """Cancel the call; this drops no messages."""
        if self._awaited is not None:
            self._awaited.cancel()
        return 0


def broadcast(scheduler: Scheduler, clients: Iterable[Client], msg: object) -> None:
    """Send one message to many connections, in one turn, encoding it once."""
    sessions = [client.session for client in clients]
    scheduler.turn(_send_to_all, sessions, shared(msg))


def _send_to_all(sessions: list[Any], message: str) -> None:
    for session in sessions:
        if not isinstance(session, BaseSession):
            session.send(outgoing(message, session.transport))
        elif not session.is_closed:
            session.send_message(message)
        else:
            session.server.stats.dropped()
