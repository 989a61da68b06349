"""`RelayedReceiver`: an HTTP receiver whose client is connected to another node; `LastWord`.

Rules: the messages of a relayed response are kept until the client is known to have taken them. If
it took none, all of them go back to the session, and so do those after a proper end of the answer.
If the answer was cut in the middle, or nobody can tell where, the session ends as at any cut
response.
"""

from __future__ import annotations

from typing import Callable

from ..actors.interfaces import INTERRUPTED, Reason
from ..actors.session import BaseSession
from ..actors.states import GONE, RETURNED, UNOPENED
from ..http.exchange import Exchange, RelayedExchange
from ..settings import Settings
from ..wire.proto import HEARTBEAT_FRAME, disconnect
from .receiver import Framing, HTTPReceiver


class RelayedReceiver(HTTPReceiver):
    """A receiver over a `RelayedExchange`."""

    __slots__ = ("_carried", "_when_left", "_when_sure")
    _exchange: RelayedExchange
    is_relayed = True

    def __init__(
        self, exchange: RelayedExchange, framing: Framing, settings: Settings, opening: bool
    ) -> None:
        super().__init__(exchange, framing, settings, opening)
        # Where each frame begins in the body, and its messages; None for the open frame.
        self._carried: list[tuple[int, list[str | bytes] | None]] = []
        self._when_left: list[Callable[[], object]] = []
        self._when_sure: list[Callable[[], object]] = []

    def attach(self, session: BaseSession) -> None:
        """Carry the frames of ``session`` from now on."""
        self._exchange.when_told(self._untaken, self._let_go, self._sure)
        super().attach(session)

    @property
    def is_leaving(self) -> bool:
        """Whether the end of the answer is on its way to the client."""
        return self._exchange.leaving

    def when_left(self, call: Callable[[], object]) -> None:
        """Call ``call`` when the client took the end of the answer or is gone."""
        self._when_left.append(call)

    def ask(self) -> None:
        """Ask the edge whether the client is still there: news of its end may be on the way."""
        self._exchange.ask()

    def when_sure(self, call: Callable[[], object]) -> None:
        """Call ``call`` when the edge has answered or the client is gone."""
        self._when_sure.append(call)

    @property
    def is_silent(self) -> bool:
        """Whether the edge has not answered."""
        return self._exchange.is_silent and not self._exchange.ended

    def miss(self, sure: bool) -> None:
        """Take the client for gone because its edge is silent; ``sure`` unless the bus is away."""
        self._let_go()
        if self._carried and sure:
            self._exchange.abort()
            self._lost()

    def abort(self) -> None:
        """Drop the connection."""
        super().abort()
        self._left_now()

    def opened(self) -> None:
        """Write the open frame."""
        self._carried.append((self._exchange.written, None))
        super().opened()

    def deliver(self, messages: list[str | bytes]) -> None:
        """Write one frame with these messages."""
        self._carried.append((self._exchange.written, messages))
        super().deliver(messages)

    def _full(self) -> None:
        super()._full()
        self._left_now()

    def _lost(self) -> None:
        """Handle the end of the edge, which does not tell what the client took."""
        self.ready = False
        if self._carried or self._exchange.is_given_up:
            self._session.tell(GONE, self, INTERRUPTED, "node_gone")
        else:
            self._session.tell(RETURNED, self, [])
        self._left_now()

    def _untaken(self, taken: int, in_order: bool) -> None:
        """Handle the end of the client's connection after ``taken`` bytes of the body."""
        self.ready = False
        back = [messages for start, messages in self._carried if start >= taken]
        if taken and not in_order:
            self._session.tell(GONE, self, INTERRUPTED)
        else:
            event = UNOPENED if None in back else RETURNED
            messages = [message for batch in back if batch is not None for message in batch]
            self._session.tell(event, self, messages)
        self._left_now()

    def _let_go(self) -> None:
        """End with a heartbeat, unless the client may be missing something that was sent.

        The edge does the same, and the client asks again.
        """
        if self._carried:
            return
        data = self._framing.wrap(HEARTBEAT_FRAME)
        if self._framing.streaming:
            self._exchange.write(data)
            self._exchange.end()
        else:
            self._exchange.answer(self._head, data)
        self.ready = False
        super()._full()  # if an earlier waiter causes this, those after it hear of it later

    def _left_now(self) -> None:
        calls, self._when_left = self._when_left, []
        for call in calls:
            call()
        self._sure()

    def _sure(self) -> None:
        calls, self._when_sure = self._when_sure, []
        for call in calls:
            call()


class LastWord:
    """Lets the edge end a receiver's answer by itself, when the owner can't be reached."""

    def __init__(self, exchange: Exchange, framing: Framing, settings: Settings) -> None:
        self._exchange = exchange
        self._framing = framing
        self._settings = settings

    def heartbeat(self, started: bool) -> None:
        """End the answer with a heartbeat, so that the client asks again."""
        self._say(HEARTBEAT_FRAME, started)

    def close(self, reason: Reason, started: bool) -> None:
        """End the answer with a close frame."""
        self._say(disconnect(*reason).encode("utf-8"), started)

    def _say(self, frame: bytes, started: bool) -> None:
        exchange, framing = self._exchange, self._framing
        data = framing.wrap(frame)
        if not started:
            head = framing.heads.of(exchange, self._settings)
            if not framing.streaming:
                exchange.answer(head, data)
                return
            exchange.start(head)
            exchange.write(framing.prelude)
        exchange.write(data)
        exchange.end()
