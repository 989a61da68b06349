"""`Incoming`: reads what a websocket's client sends, in turns, while there is room for it.

Rules: all reasons to pause reading are here; while paused, bytes that were read already wait
undecoded. A message that has begun must be complete within a time.
"""

from __future__ import annotations

import enum
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ...actors.deadlines import Deadline
from ...actors.pace import Pace
from ...server.timeouts import FLOOR
from .reader import MESSAGES, Kind, Reader

_SLOW = 1008
# How many frames one connection may bring before the turns of others.
MOST_FRAMES = 256


class Consumer(Protocol):
    """The receiver that is told what arrived."""

    @property
    def transport(self) -> Any:
        """The transport to pause; None once the connection is lost."""

    def received(self, messages: list[str | bytes]) -> None:
        """Pass messages to the session."""

    def take(self, kind: Kind, value: object) -> None:
        """Handle any other item."""

    def fail(self, code: int, reason: str) -> None:
        """End the connection for a violation."""

    def drained(self) -> None:
        """Note that everything that arrived before the loss of the connection was handled."""


class Phase(enum.Enum):
    """What an `Incoming` does.

    =======  ====================================================  ========
    phase    what happens                                          leads to
    =======  ====================================================  ========
    IDLE     bytes come                                            READING
    IDLE     the receiver has no room for what it read by itself   NO_ROOM
    READING  more bytes must come                                  IDLE
    READING  the time of a turn is over and something is left      YIELDED
    READING  the receiver has no room for more                     NO_ROOM
    YIELDED  the reactor's next iteration comes                    READING
    NO_ROOM  there is room, and nothing is left to read            READING
    NO_ROOM  there is room, and something is left to read          YIELDED
    NO_ROOM  the connection is lost                                YIELDED
    any      the connection ends                                   STOPPED
    =======  ====================================================  ========

    What comes meanwhile waits in all of them but IDLE, and in STOPPED it is dropped.
    """

    IDLE = "idle"
    READING = "reading"
    YIELDED = "yielded"
    NO_ROOM = "no room"
    STOPPED = "stopped"


_IDLE, _READING, _YIELDED, _NO_ROOM, _STOPPED = Phase


class Incoming:
    """The input of one websocket; ``timeout`` is the time for a message in seconds.

    Up to ``most`` waiting frames are taken together.

    It is ``idle`` while nothing waits here and no message has begun, so that the next bytes need
    not pass through it, and ``paused`` while the socket is not read.
    """

    __slots__ = (
        "_begun",
        "_consumer",
        "_most",
        "_phase",
        "_reactor",
        "_reader",
        "_slow",
        "_timeout",
        "_wake",
        "idle",
        "paused",
    )

    def __init__(
        self, consumer: Consumer, reader: Reader, reactor: IReactorTime, timeout: float, most: int
    ) -> None:
        self._consumer = consumer
        self._reader = reader
        self._reactor = reactor
        self._timeout = timeout
        self._most = most
        self._phase = _IDLE
        self._wake: IDelayedCall | None = None
        self._slow: Deadline | None = None  # while a message is incomplete
        self._begun = 0.0
        self.idle = True
        self.paused = False

    def feed(self, data: bytes, frames: int = 0) -> None:
        """Read these bytes, now if nothing waits before them.

        ``frames`` is how many came before them in this turn.
        """
        self._reader.feed(data)
        if self._phase is _IDLE:
            self._read(frames)

    def wait(self, room: Deferred[None]) -> None:
        """Read nothing more until ``room`` fires."""
        self._pause(_NO_ROOM)
        room.addCallback(self._room_made)

    def drain(self) -> None:
        """Hand over everything, even without room, because the connection is lost."""
        self._all_came()
        if self.paused:
            self._go_on_soon()
        else:
            self._consumer.drained()

    def stop(self) -> None:
        """Discard what waits, and everything that still comes."""
        self._all_came()
        self._phase = _STOPPED
        self.idle = False
        self._reader.stop()
        if self._wake is not None:
            wake, self._wake = self._wake, None
            wake.cancel()
        self._resume()  # the end of the connection shows only when reading

    def _read(self, frames: int = 0) -> None:
        """Read until more bytes are needed, there is no room, or others must have their turn."""
        self._phase = _READING
        reader, consumer = self._reader, self._consumer
        pace = Pace(MOST_FRAMES) if frames else None
        while True:
            if pace is not None and not pace.may_go_on(frames):
                self._go_on_soon()
                return
            item = reader.next(self._most)
            if item is None:
                break
            kind, value, frames = item
            if kind is MESSAGES:
                if self._slow is not None:
                    self._all_came()
                consumer.received(value)
            else:
                consumer.take(kind, value)
            if self._phase is not _READING:
                return
            if self._slow is None and reader.is_empty:  # the usual case
                self._phase = _IDLE
                self.idle = True
                return
            if not reader.has_more:
                break
            # Of the items of one slice, all but the last count as no frame, but they take time.
            pace = pace or Pace(MOST_FRAMES)
        self._phase = _IDLE
        self.idle = reader.gathered is None
        if not self.idle:
            self._expect_end()
        elif self._slow is not None:
            self._all_came()

    # -- pausing

    def _pause(self, phase: Phase) -> None:
        self._phase = phase
        self.idle = False
        if not self.paused:
            self.paused = True
            self._reader.trim()
            if self._consumer.transport is not None:
                self._consumer.transport.pauseProducing()

    def _resume(self) -> None:
        if self.paused:
            self.paused = False
            if self._consumer.transport is not None:
                self._consumer.transport.resumeProducing()

    def _room_made(self, _: object) -> None:
        if self._phase is _NO_ROOM:
            # The rest is read later: during this turn, messages passed to the session do not take
            # any room yet.
            if self._reader.has_more:
                self._go_on_soon()
            else:
                self._go_on()

    def _go_on_soon(self) -> None:
        self._pause(_YIELDED)
        if self._wake is None:
            self._wake = self._reactor.callLater(0, self._go_on)

    def _go_on(self) -> None:
        self._wake = None
        self._read()
        if self._phase is _IDLE:
            self._resume()
            if self._consumer.transport is None:
                self._consumer.drained()

    # -- incomplete messages

    def _expect_end(self) -> None:
        """Give a message that has begun a time to end, no matter what comes in between."""
        if self._slow is None and self._consumer.transport is not None:
            self._begun = self._reactor.seconds()
            self._slow = Deadline(self._reactor, self._timeout, self._look)

    def _all_came(self) -> None:
        if self._slow is not None:
            slow, self._slow = self._slow, None
            slow.cancel()

    def _look(self) -> None:
        """End the connection, unless the peer is slow but still sending."""
        patience = self._timeout + (self._reader.gathered or 0) / FLOOR
        left = self._begun + patience - self._reactor.seconds()
        if left > 0:
            self._slow = Deadline(self._reactor, left, self._look)
        else:
            self._slow = None
            self._consumer.fail(_SLOW, "A message took too long to come.")
