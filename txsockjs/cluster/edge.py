"""`Edge`: a request that arrived at this node, and that the owner of its session answers.

Rules: nothing is written after the end, whoever causes it. The owner is told, once, how much of the
answer the client's connection took. Frames of the owner after our own end are dropped.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Callable, Protocol

from ..actors.interfaces import NODE_GONE, Reason
from ..errors import Overloaded, RequestError
from ..http.exchange import Exchange, Head
from ..wire import relay as wire
from .remote import PIECE, WINDOW


class Speaker(Protocol):
    """Ends an answer in the framing of a transport, where the session can't."""

    def heartbeat(self, started: bool) -> None:
        """End the answer with a heartbeat, so that the client asks again."""

    def close(self, reason: Reason, started: bool) -> None:
        """End the answer with a close frame."""


class Result(Protocol):
    """Waits for the end of a request, as a Deferred does."""

    def callback(self, found: bool) -> object:
        """Note whether it was answered or the session was not found."""

    def errback(self, error: RequestError) -> object:
        """Note the error to answer instead."""


class Edge:
    """One request, between its client here and the owner of its session.

    ``number`` is the number of its stream; ``speaker`` is None for a sender. ``post`` sends a frame
    to the owner; ``over`` is called at the end, and then ``result``.
    """

    _body = b""  # of the request
    _sent = 0  # bytes of it
    _credit = WINDOW  # for it
    _final = False  # whether the owner has forgotten the request
    _head: Head | None = None
    _size = wire.STREAM
    _started = False
    _ending = False
    _chunk: list[bytes] | None = None  # the pieces so far of what is written as one chunk
    _chunk_size = 0
    _unread = 0  # bytes written that the connection has not taken yet
    _taken = 0  # bytes that it has taken
    _owed = 0  # bytes taken that the owner does not know of yet

    def __init__(
        self,
        exchange: Exchange,
        owner: str,
        number: int,
        speaker: Speaker | None,
        post: Callable[..., object],
        over: Callable[[Edge], object],
        result: Result,
    ) -> None:
        self.owner = owner
        self._result = result
        self._exchange = exchange
        self.number = number
        self._speaker = speaker
        self._post = post
        self._over = over

    def begin(self, description: bytes, opens: bool, body: bytes) -> None:
        """Send the request; ``opens`` is whether the other node may open the session."""
        self._body = body
        self._exchange.watch(self._lost, self._drained)
        size = len(body)
        first = body if size <= PIECE else body[:PIECE]
        self._post(wire.request(self.number, description, opens, size, first))
        if size > PIECE:
            self._sent = PIECE
            self._credit -= PIECE
            self._send_body()

    @property
    def is_receiver(self) -> bool:
        """Whether this request takes frames to its client."""
        return self._speaker is not None

    # -- told by the owner

    def told(self, kind: int, payload: bytes) -> None:
        """Handle a frame."""
        if kind == wire.ASK:
            self._post(wire.frame(wire.HERE, self.number), urgent=True)
        elif kind == wire.ABORT:
            self._end()
            self._exchange.abort()
            self._result.callback(True)
        elif self._ending:
            pass  # our own end is under way
        elif kind == wire.HEAD:
            self._begin_answer(payload)
        elif kind == wire.DATA:
            size, piece = wire.read_number(payload)
            self._add(piece, size)
        elif kind == wire.END:
            if self._head is not None and not self._started:
                self._start()
            self._ending = True
            self._exchange.end(self._done)
        elif kind == wire.TAKEN:
            self._credit += wire.read_number(payload)[0]
            self._send_body()
        elif kind == wire.ABSENT:
            self._end()
            self._result.callback(False)
        else:
            raise wire.BadFrame(f"its kind is {kind}")

    def _begin_answer(self, payload: bytes) -> None:
        status, headers, flags, self._size, piece = wire.read_head(payload)
        self._head = _head(status, headers)
        if flags:
            self._final = bool(flags & wire.FINAL)
            if flags & wire.CLOSES:
                self._exchange.close_connection()
        self._body = b""  # the rest is not needed
        if self._size != wire.STREAM:
            self._add(piece, self._size)

    def _add(self, piece: bytes, size: int) -> None:
        """Add a piece of a chunk that has ``size`` bytes."""
        if piece and len(piece) < size:
            self._chunk = self._chunk or []
            self._chunk.append(piece)
            self._chunk_size += len(piece)
            if self._chunk_size < size:
                # Give the room back at once: this node holds the chunk in memory anyway.
                self._post(wire.number(wire.CREDIT, self.number, len(piece)), urgent=True)
                return
            owed = len(piece)
            piece = b"".join(self._chunk)
            self._chunk = None
            self._chunk_size = 0
        else:
            owed = len(piece)
        self._write(piece, owed)

    def _write(self, data: bytes, owed: int) -> None:
        exchange = self._exchange
        self._unread += len(data)
        self._owed += owed
        if self._size == wire.STREAM:
            if not self._started:
                self._start()
            exchange.write(data)
            if exchange.ready:
                self._drained()
        else:
            self._started = self._ending = True
            assert self._head is not None
            exchange.answer(self._head, data, self._done)

    def _start(self) -> None:
        self._started = True
        assert self._head is not None
        self._exchange.start(self._head)

    def _send_body(self) -> None:
        while self._sent < len(self._body) and self._credit > 0:
            piece = self._body[self._sent : self._sent + PIECE]
            self._sent += len(piece)
            self._credit -= len(piece)
            self._post(wire.frame(wire.BODY, self.number, piece))

    # -- told by the client's connection

    def _drained(self) -> None:
        self._taken += self._unread
        self._unread = 0
        if self._owed >= PIECE and not self._ending:
            self._post(wire.number(wire.CREDIT, self.number, self._owed), urgent=True)
            self._owed = 0

    def _done(self) -> None:
        self._tell_end(wire.DONE)
        self._result.callback(True)

    def _lost(self) -> None:
        self._tell_end(wire.LOST, in_order=False)
        self._result.callback(True)

    def _gave_up(self) -> None:
        self._tell_end(wire.LOST)
        self._result.callback(True)

    def _tell_end(self, kind: int, in_order: bool = True) -> None:
        self._end()
        if not self._final:
            # The client may have got a part of what the connection did not take whole.
            taken = self._taken + self._unread
            self._post(wire.told(kind, self.number, taken, in_order), urgent=True)

    # -- told by the relay

    def give_up(self) -> None:
        """End in an orderly way, as the owner can't be reached and may still have the session."""
        if self._ending:
            return  # on its way to the client, which will get it in any case
        if self._unread:
            # Only at the end it is known whether the client got the bytes not yet taken.
            self._ending = True
            self._chunk = None
            self._exchange.end(self._gave_up)
            return
        self._tell_end(wire.LOST)
        if self._speaker is None:
            self._refuse()
        else:
            self._speaker.heartbeat(self._started)
            self._result.callback(True)

    def owner_lost(self, lives: bool) -> None:
        """End, because the owner is gone, and the session with it.

        An owner that ``lives`` has taken this node for gone, and may still have the session.
        """
        if self._ending:
            return
        self._chunk = None
        self._end()
        if self._speaker is None:
            self._refuse()
        elif lives:
            self._speaker.heartbeat(self._started)
            self._result.callback(True)
        else:
            self._speaker.close(NODE_GONE, self._started)
            self._result.callback(True)

    def _refuse(self) -> None:
        if self._started:
            self._exchange.abort()
            self._result.callback(True)
        else:
            self._result.errback(Overloaded())

    def _end(self) -> None:
        self._exchange.watch(_nothing)
        self._over(self)


def _nothing() -> None:
    pass


# Most heads repeat earlier ones; cookies and origins may differ from client to client.
_head = lru_cache(maxsize=256)(Head)
