"""`Incoming`: received messages on their way to the listener.

Rules: messages are delivered in order, then the end, once; nothing is delivered while paused, and
the end never inside a call of the application.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Callable, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..wire.limits import MESSAGE_COST

_log = Logger()


class MessageListener(Protocol):
    """The object that gets the messages and the end."""

    def received(self, message: str | bytes) -> object:
        """Take a message."""

    def ended(self, reason: Exception) -> None:
        """Take the end."""


class Incoming:
    """Messages that wait for a listener.

    ``told`` is called when none is left, ``failed`` with an exception raised by the listener.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        told: Callable[[], object],
        failed: Callable[[Exception], object],
    ) -> None:
        self.is_paused = False
        #: How many characters wait, plus a fixed cost per message.
        self.size = 0
        self._reactor = reactor
        self._told = told
        self._failed = failed
        self._listener: MessageListener | None = None
        self._messages: deque[str | bytes] = deque()
        self._end: Exception | None = None
        self._telling = False
        self._wake: IDelayedCall | None = None

    def begin(self, listener: MessageListener) -> None:
        """Deliver everything to ``listener``, from the reactor's next iteration on."""
        self._listener = listener
        self.look_later()

    def put(self, messages: Iterable[str] | Iterable[bytes]) -> None:
        """Deliver these messages, now if nothing waits before them."""
        for message in messages:
            self._messages.append(message)
            self.size += len(message) + MESSAGE_COST
        if self._wake is None:
            self._tell()

    def pause(self) -> None:
        """Deliver nothing until `resume`."""
        self.is_paused = True

    def resume(self) -> None:
        """Deliver again, from the next `look_later` or message on."""
        self.is_paused = False

    def forget(self) -> None:
        """Drop the messages that wait."""
        self._messages.clear()
        self.size = 0

    def finish(self, end: Exception) -> None:
        """Deliver the end, after the messages."""
        self._end = end
        self.look_later()

    def look_later(self) -> None:
        """Deliver what waits in the reactor's next iteration."""
        if self._wake is None:
            self._wake = self._reactor.callLater(0, self._look)

    def _look(self) -> None:
        self._wake = None
        self._tell()
        if self._end is None:
            if not self._messages:
                self._told()
        elif self._listener is not None and not self.is_paused and not self._messages:
            listener, self._listener = self._listener, None
            listener.ended(self._end)

    def _tell(self) -> None:
        if self._telling or self._listener is None:
            return
        self._telling = True
        try:
            while self._messages and not self.is_paused:
                message = self._messages.popleft()
                self.size -= len(message) + MESSAGE_COST
                self._listener.received(message)
        except Exception as error:  # noqa: BLE001  # it ends the connection, as over TCP
            _log.failure("{listener!r} has failed", listener=self._listener)
            self.forget()
            self._failed(error)
        finally:
            self._telling = False
