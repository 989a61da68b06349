"""`Channels`: a node's publications and subscriptions.

Rules: publications leave in order. While Redis is away, or does not read, up to 1 MiB of them wait;
more are dropped and counted. Those under way when the connection ended may have arrived, so they
are not sent again.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from twisted.internet.defer import Deferred, fail

from ..bus import BusError
from ..link import WINDOW
from .claims import MOST_WAITING
from .client import Lost
from .connection import Connection
from .envelope import Envelope
from .resp import ReplyError

# How many bytes a waiting publication counts in addition to its data.
_OVERHEAD = 64


class Channels:
    """The channels of a node."""

    def __init__(self, connection: Connection, envelope: Envelope, counters: Counter[str]) -> None:
        self._connection = connection
        self._envelope = envelope
        self._counters = counters
        self._begin = connection.url.channels
        self._up = False
        self._names: dict[bytes, str] = {}
        # For each channel, how many subscriptions are unconfirmed, and the Deferreds that wait.
        self._subscribing: dict[bytes, tuple[int, list[Deferred[None]]]] = {}
        self._counting: list[tuple[str, Deferred[int]]] = []
        self._publications: deque[tuple[str, bytes]] = deque()
        self._waiting_size = 0

    def name(self, channel: bytes) -> str | None:
        """Return this node's name for a channel that it subscribes to."""
        return self._names.get(channel)

    def _channel(self, name: str) -> bytes:
        return f"{self._begin}{name}".encode("utf-8", "surrogatepass")

    # -- the broker

    def subscribe_again(self) -> None:
        """Subscribe to everything on a new connection."""
        self._subscribing = {
            channel: (1, waiting)
            for channel, (_, waiting) in self._subscribing.items()
            if channel in self._names
        }
        if self._names:
            self._connection.tell(b"SUBSCRIBE", *self._names)

    def reached(self) -> None:
        """Send waiting publications and questions."""
        self._up = True
        self.go_on()
        counting, self._counting = self._counting, []
        for name, answer in counting:
            self._ask(name, answer)

    def lost(self) -> None:
        """Wait."""
        self._up = False

    def go_on(self) -> None:
        """Send waiting publications, as far as Redis reads."""
        while self._publications and self._up and not self._connection.full:
            name, data = self._publications.popleft()
            self._waiting_size -= len(data) + _OVERHEAD
            self._publish(name, data)

    def confirmed(self, channel: bytes) -> None:
        """Fire the Deferreds that wait for a subscription."""
        count, waiting = self._subscribing.get(channel, (0, []))
        if count > 1:
            self._subscribing[channel] = (count - 1, waiting)
        elif count:
            del self._subscribing[channel]
            for answer in waiting:
                if not answer.called:
                    answer.callback(None)

    # -- for the node

    def publish(self, name: str, data: bytes) -> None:
        """Publish, now or when possible again."""
        if self._up and not self._publications and not self._connection.full:
            self._publish(name, data)
        elif self._waiting_size + len(data) + _OVERHEAD > WINDOW:
            self._counters["publications_dropped"] += 1
        else:
            self._waiting_size += len(data) + _OVERHEAD
            self._publications.append((name, data))

    def _publish(self, name: str, data: bytes) -> None:
        channel = self._channel(name)
        message = self._envelope.close(channel, data)
        self._connection.publish(channel, message, self._was_published)

    def _was_published(self, reply: object) -> None:
        if isinstance(reply, Lost):
            self._counters["publications_lost"] += 1
        elif isinstance(reply, ReplyError):
            self._counters["publications_refused"] += 1

    def subscribe(self, name: str) -> Deferred[None]:
        """Subscribe; fires once Redis has confirmed it."""
        channel = self._channel(name)
        self._names[channel] = name
        answer: Deferred[None] = Deferred()
        count, waiting = self._subscribing.get(channel, (0, []))
        self._subscribing[channel] = (count + 1, [*waiting, answer])
        self._connection.tell(b"SUBSCRIBE", channel)
        return answer

    def unsubscribe(self, name: str) -> None:
        """Stop receiving a channel."""
        channel = self._channel(name)
        del self._names[channel]
        self._connection.tell(b"UNSUBSCRIBE", channel)

    def count(self, name: str) -> Deferred[int]:
        """Fire with the number of subscribers."""
        if not self._up and len(self._counting) >= MOST_WAITING:
            return fail(BusError("too many questions wait for Redis"))
        answer: Deferred[int] = Deferred()
        self._ask(name, answer)
        return answer

    def _ask(self, name: str, answer: Deferred[int]) -> None:
        def counted(reply: Any) -> None:
            if answer.called:
                return  # cancelled
            if isinstance(reply, Lost):
                self._ask(name, answer)
            elif isinstance(reply, ReplyError):
                answer.errback(BusError(f"Redis refused a question: {reply}"))
            else:
                answer.callback(reply[1])

        if answer.called:
            return
        if self._up:
            self._connection.call(counted, b"PUBSUB", b"NUMSUB", self._channel(name))
        else:
            self._counting.append((name, answer))
