"""Counters of what happens: fed by calls, read by ``dump()``.

Rules: feeding is an addition and nothing more; averages move once a second, by one `LoopingCall`
that the router starts. Called by the router, the sessions and the transports.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

TRANSPORTS = (
    "websocket",
    "rawwebsocket",
    "xhr",
    "xhr_streaming",
    "jsonp",
    "eventsource",
    "htmlfile",
)

# What sockjs-client calls those of them that it has another name for.
CLIENT_NAMES = {"xhr-streaming": "xhr_streaming", "xhr-polling": "xhr", "jsonp-polling": "jsonp"}

#: What is refused, by the name under which it is counted.
REFUSALS = (
    "origin",  # a page of another origin
    "address",  # a request of a session from another address
    "sessions",  # a new session over max_sessions, or while the router closes
    "session",  # a request of a session that is not there, or is over
    "senders",  # one more request with messages, while too many wait
    "size",  # a body or a message that is too large
    "content",  # a body or a message that is not what it must be
    "slow",  # a websocket message that takes too long to come
    "callback",  # a callback that is missing, or no name
    "handshake",  # an upgrade that is none
    "method",  # a method that the URL does not have
)


class MovingAverage:
    """The average of what was added per `flush`, over the last ``period`` flushes."""

    def __init__(self, period: int = 10) -> None:
        self.period = period
        self.accumulator = 0
        self.last_average: float = 0.0
        self._window: deque[int] = deque(maxlen=period)

    def add(self, n: int) -> None:
        """Add ``n`` to what the next flush will count."""
        self.accumulator += n

    def flush(self) -> None:
        """Move the accumulator into the window and compute the average anew."""
        self._window.append(self.accumulator)
        self.accumulator = 0
        self.last_average = sum(self._window) / len(self._window)


class StatsCollector:
    """What a router counts; ``dump()`` is a snapshot for humans and monitors.

    ``reactor`` is any `IReactorTime`. Nothing is scheduled before `start` is called.
    """

    def __init__(self, reactor: Any) -> None:
        self.sessions_active = 0
        self.transports: dict[str, int] = dict.fromkeys(TRANSPORTS, 0)
        self.connections_active = 0
        self.connections_ps = MovingAverage()
        self.packets_sent_ps = MovingAverage()
        self.packets_rcv_ps = MovingAverage()
        self.messages_dropped = 0
        self.slow_consumers = 0
        self.refusals: dict[str, int] = dict.fromkeys(REFUSALS, 0)
        self._loop = LoopingCall(self._flush)
        self._loop.clock = reactor

    @property
    def running(self) -> bool:
        """Whether the averages are moving."""
        return self._loop.running

    @property
    def idle(self) -> bool:
        """Whether nothing happened for so long that all averages are zero."""
        averages = (self.connections_ps, self.packets_sent_ps, self.packets_rcv_ps)
        return not any(a.accumulator or a.last_average for a in averages)

    def start(self) -> None:
        """Let the averages move, once a second."""
        if not self._loop.running:
            self._loop.start(1.0, now=False).addErrback(
                lambda failure: Logger().failure("statistics stopped", failure)
            )

    def stop(self) -> None:
        """Leave no timer behind."""
        if self._loop.running:
            self._loop.stop()

    def _flush(self) -> None:
        self.connections_ps.flush()
        self.packets_sent_ps.flush()
        self.packets_rcv_ps.flush()

    def session_opened(self, transport: str) -> None:
        """Count a session that opened over this transport."""
        self.sessions_active += 1
        self.transports[transport] = self.transports.get(transport, 0) + 1

    def session_closed(self) -> None:
        """Count the end of an opened session."""
        self.sessions_active -= 1

    def connection_opened(self) -> None:
        """Count a request or socket that carries a session."""
        self.connections_active += 1
        self.connections_ps.accumulator += 1

    def connection_closed(self) -> None:
        """Count the end of such a request or socket."""
        self.connections_active -= 1

    def refused(self, kind: str) -> None:
        """Count a refusal; ``kind`` is one of `REFUSALS`."""
        self.refusals[kind] += 1

    def dump(self) -> dict[str, float]:
        """Return all counters by name; those that end in ``_ps`` are per second.

        ``messages_dropped`` are messages that reached neither client nor application because
        their session had ended, ``slow_consumers`` the sessions closed because their client did
        not read, and ``refused_<kind>`` what was refused.
        """
        counters: dict[str, float] = {"sessions_active": self.sessions_active}
        counters.update((f"transp_{name}", count) for name, count in self.transports.items())
        counters.update(
            connections_active=self.connections_active,
            connections_ps=self.connections_ps.last_average,
            packets_sent_ps=self.packets_sent_ps.last_average,
            packets_rcv_ps=self.packets_rcv_ps.last_average,
            messages_dropped=self.messages_dropped,
            slow_consumers=self.slow_consumers,
        )
        counters.update((f"refused_{kind}", count) for kind, count in self.refusals.items())
        return counters
