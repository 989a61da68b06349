"""`HTTPCarrier`: carries a session by HTTP requests, one to receive and one to send.

Rules: a poll is a stream that ends after one frame; when one ends, the next is requested. Most
servers forget a client after 5 s without a request, so reading goes on for a while when the
application has paused. Only one ``xhr_send`` is under way at a time, so that messages stay in
order; the next one brings everything queued meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from ..wire.proto import json_encode
from ..wire.server_frames import BadFrame, Events, Lines, Splitter
from .errors import explained
from .options import EVENTSOURCE, XHR_POLLING, XHR_STREAMING
from .plain_agent import drop
from .requests import Answer, Reading, Requests
from .session import Session

# How many characters of messages one request has: fewer than any server refuses, unless a single
# message is larger.
_BATCH = 128 * 1024
# How many seconds a server may keep a sender waiting while its application is behind.
SEND_TIMEOUT = 300.0
# How many characters are kept for a paused application before reading stops.
_HELD = 1024 * 1024
# How many responses without a frame may follow each other.
_EMPTY = 2


@dataclass(frozen=True)
class Kind:
    """How a transport receives: its URL, its method, and the format of frames in a body."""

    name: str
    method: str
    splitter: Callable[[int], Splitter]
    accept: str | None = None


KINDS = {
    XHR_STREAMING: Kind("xhr_streaming", "POST", Lines),
    XHR_POLLING: Kind("xhr", "POST", Lines),
    EVENTSOURCE: Kind("eventsource", "GET", Events, "text/event-stream"),
}


class HTTPCarrier:
    """Carries one session."""

    def __init__(self, session: Session, requests: Requests, kind: Kind) -> None:
        self._session = session
        self._requests = requests
        self._kind = kind
        self._receiving: Deferred[IResponse] | None = None
        self._reading: Reading | None = None
        self._splitter: Splitter = kind.splitter(session.options.frame_limit)
        self._sending: Deferred[Answer] | None = None
        self._paused = False
        self._has_frames = False
        self._empty = 0
        self._over = False

    @property
    def is_sending(self) -> bool:
        """Whether an ``xhr_send`` is still unanswered."""
        return self._sending is not None

    # -- receiving

    def start(self) -> None:
        """Request the next response."""
        kind = self._kind
        self._has_frames = False
        self._splitter = kind.splitter(self._session.options.frame_limit)
        body = b"" if kind.method == "POST" else None
        address = self._session.address.below(kind.name)
        receiving = self._requests.request(kind.method, address, body, kind.accept)
        self._receiving = receiving
        receiving.addCallbacks(self._answered, self._failed, callbackArgs=(kind.name,))

    def pause(self) -> None:
        """Pause, but read on until enough is waiting."""
        self._paused = True

    def resume(self) -> None:
        """Read on."""
        self._paused = False
        if self._reading is not None:
            self._reading.transport.resumeProducing()
        else:
            self._ask_on()

    def _answered(self, response: IResponse, name: str) -> None:
        self._receiving = None
        if response.code == 200:
            self._session.heard()
            self._reading = reading = Reading(self)
            response.deliverBody(reading)  # may end it at once
        else:
            drop(response)
            self._session.carrier_lost(f"{name} was answered with {response.code}")

    def received(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._session.heard()
        try:
            frames = self._splitter.feed(data)
        except BadFrame as error:
            self._session.carrier_lost(str(error))
            return
        for frame in frames:
            self._has_frames = True
            self._session.frame(frame)
        if self._has_enough and self._reading is not None:
            self._reading.transport.pauseProducing()

    def finished(self, why: str | None) -> None:
        """Take the end of the body."""
        self._reading = None
        self._empty = 0 if self._has_frames else self._empty + 1
        if why is not None:
            self._session.carrier_lost(f"{self._kind.name} broke off: {why}")
        elif self._empty >= _EMPTY:
            self._session.carrier_lost(f"{self._kind.name} was answered with nothing")
        else:
            self._ask_on()

    @property
    def _has_enough(self) -> bool:
        return self._paused and self._session.incoming.size > _HELD

    def _ask_on(self) -> None:
        if not (self._has_enough or self._over or self._receiving or self._reading):
            self.start()

    def _failed(self, failure: Failure) -> None:
        self._receiving = None
        if not self._over:
            self._session.carrier_lost(explained(failure))

    # -- sending

    def wake(self) -> None:
        """Send what is queued, unless an ``xhr_send`` is under way."""
        messages = [] if self._sending is not None else self._session.outgoing.take(_BATCH)
        if not messages:
            return
        body = json_encode(messages).encode("utf-8")
        address = self._session.address.below("xhr_send")
        # The whole answer is read first: a server that never ends one must not keep many open.
        self._sending = sending = self._requests.ask("POST", address, body, SEND_TIMEOUT)
        sending.addCallbacks(self._sent, self._not_sent)

    def _sent(self, answer: Answer) -> None:
        self._sending = None
        if answer.is_taken:
            self.wake()
            self._session.sent()
        else:
            self._session.carrier_lost(f"xhr_send was answered with {answer.code}")

    def _not_sent(self, failure: Failure) -> None:
        self._sending = None
        if not self._over:
            self._session.carrier_lost(f"xhr_send failed: {explained(failure)}")

    # -- the end

    def close(self, code: int, reason: str) -> None:
        """End the response: the server learns of the close by that, without a code."""
        self._session.carrier_lost("closed")

    def leave(self, at_once: bool) -> None:
        """End the requests."""
        self._over = True
        for under_way in (self._receiving, self._sending):
            if under_way is not None:
                under_way.cancel()
        if self._reading is not None:
            reading, self._reading = self._reading, None
            reading.leave()
        self._requests.close(at_once)
