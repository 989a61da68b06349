"""`sockjs.tornado.session`: the sessions of clients, and those that applications make.

Rules: a `Session` is a client's, an actor of `txsockjs.actors`; only its names come from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..actors import session as actors
from ..actors.connection import SockJSConnection
from ..actors.info import ConnectionInfo
from ..actors.interfaces import ANOTHER_RECEIVER, GO_AWAY, INTERRUPTED, Client, Reason
from ..actors.states import ATTACH, FULL, GONE, NEW, RECEIVED
from ..wire.proto import json_decode
from .basesession import BaseSession, broadcast
from .handler import HandlerReceiver
from .messages import outgoing
from .sessioncontainer import SessionMixin

__all__ = ["BaseSession", "ConnectionInfo", "Session"]


class _Client(actors.BaseSession):
    """A client's session under the names of sockjs-tornado."""

    def __init__(
        self,
        conn: type[SockJSConnection],
        server: Any,
        session_id: str | None = None,
        expiry: float | None = None,
    ) -> None:
        super().__init__(conn, server, session_id, expiry)
        self._handler: HandlerReceiver | None = None
        self._wants_heartbeat = True

    @property
    def conn(self) -> Any:
        """The connection; None before the session opens and after ``on_close``."""
        return self.connection

    @property
    def conn_info(self) -> ConnectionInfo | None:
        """The request that opened the session; None before it opens."""
        return self.info

    @property
    def stats(self) -> Any:
        """The statistics of its router."""
        return self.server.stats

    # -- handlers

    def set_handler(self, handler: Any, start_heartbeat: bool = True) -> bool:
        """Attach a handler: a `BaseTransportMixin` with a ``send_pack``.

        A new session waits for `verify_state`. Returns False, after telling the handler, if another
        handler is attached or the session is over.
        """
        self.server.scheduler.check_thread()
        receiver = HandlerReceiver(handler)
        if self.state is not NEW:
            taken = self._receiver is None and not self.is_closed
            self._attach_handler(receiver, start_heartbeat)
        else:
            taken = self._handler is None
            if not taken:
                receiver.closed(ANOTHER_RECEIVER)
        if taken:
            self._handler = receiver
            self._wants_heartbeat = start_heartbeat
        return taken

    def verify_state(self) -> None:
        """Open the session with the handler that was set, unless it is open."""
        if self._handler is not None and self.state is NEW:
            self._attach_handler(self._handler, self._wants_heartbeat)

    def _attach_handler(self, receiver: HandlerReceiver, start_heartbeat: bool) -> None:
        self.tell(ATTACH, receiver)
        self.server.scheduler.tell(self._set_heartbeat, receiver, start_heartbeat)

    def _set_heartbeat(self, receiver: HandlerReceiver, wanted: bool) -> None:
        if receiver is self._receiver:  # and was not refused
            if wanted:
                self.start_heartbeat()
            else:
                self.stop_heartbeat()

    def remove_handler(self, handler: Any) -> None:
        """Detach a handler, if it is the attached one."""
        self.server.scheduler.check_thread()
        receiver = self._handler
        if receiver is not None and receiver.handler is handler:
            self._handler = None
            self._detach_handler(receiver)

    def _detach_handler(self, receiver: HandlerReceiver) -> None:
        self.tell(GONE, receiver, INTERRUPTED)

    # -- messages

    def send_message(self, msg: object, stats: bool = True, binary: bool = False) -> None:
        """Send a message: text, or anything JSON can encode.

        ``binary`` sends bytes on a raw websocket. ``stats`` has no effect: everything is counted.
        """
        self.send(outgoing(msg, self.transport, binary))

    def send_jsonified(self, msg: Any, stats: bool = True) -> None:
        """Send a message that is already JSON; raise `txsockjs.errors.BrokenJSON` if it is not."""
        self.send_message(json_decode(msg), stats)

    def broadcast(self, clients: Iterable[Client], msg: object) -> None:
        """Send one message to many connections, encoding it once."""
        broadcast(self.server.scheduler, clients, msg)

    def on_messages(self, msg_list: Iterable[object]) -> None:
        """Pass messages of the client to the application."""
        if isinstance(msg_list, (str, bytes)):
            raise TypeError(f"messages must come in a list, not as {msg_list!r}")
        self.tell(RECEIVED, list(msg_list))

    def flush(self) -> None:
        """Send what is queued now, if a handler takes it, rather than when the turn ends."""
        self.server.scheduler.turn(self._flush)

    # -- the end

    def delayed_close(self) -> None:
        """Close once the running turn is done."""
        self.server.scheduler.tell_later(self.close)

    def get_close_reason(self) -> Reason:
        """Return the close code and reason; before the end, those of ``close`` by default."""
        return self.close_reason or GO_AWAY

    # -- heartbeats

    def start_heartbeat(self) -> None:
        """Start heartbeats if the session is open; the next comes after ``heartbeat_delay``."""
        self.server.scheduler.check_thread()
        if self._heartbeat is not None:
            self._heartbeat.start()
            self._heartbeat.delay()

    def stop_heartbeat(self) -> None:
        """Stop heartbeats, and pings on websockets, until `start_heartbeat`."""
        self.server.scheduler.check_thread()
        if self._heartbeat is not None:
            self._heartbeat.stop()

    def delay_heartbeat(self) -> None:
        """Put the next heartbeat off to ``heartbeat_delay`` from now."""
        self.server.scheduler.check_thread()
        if self._heartbeat is not None:
            self._heartbeat.delay()


class Session(_Client, actors.Session, SessionMixin, BaseSession):
    """The session of a client that reaches it by its id; it outlives its handlers."""

    def _detach_handler(self, receiver: HandlerReceiver) -> None:
        self.tell(FULL, receiver)


class SocketSession(_Client, BaseSession):
    """The session of a websocket; it ends with the websocket."""
