"""Counters: each event is a call, ``dump()`` reads them.

Rules: counting is one addition and nothing more; averages move once a second, in one `LoopingCall`
that the router starts. A session counts its own messages; they are added up here when it ends and
before the counters are read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

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

# The names of sockjs-client, where they differ.
CLIENT_NAMES = {"xhr-streaming": "xhr_streaming", "xhr-polling": "xhr", "jsonp-polling": "jsonp"}

#: The names under which refusals are counted.
REFUSALS = (
    "origin",  # a page of another origin
    "address",  # a request of a session from another address
    "sessions",  # a new session over max_sessions, or while the router closes
    "limit",  # a new session over max_sessions_per_ip
    "rate",  # a new session over open_rate_per_ip
    "session",  # a request for a session that does not exist or is over
    "senders",  # one more request with messages, while too many wait
    "size",  # a body or a message that is too large
    "content",  # a body or a message with invalid content
    "slow",  # a websocket message that takes too long to arrive
    "callback",  # a callback that is missing or not a valid name
    "handshake",  # a malformed upgrade
    "method",  # a method that the URL does not have
)

#: The names under which the ends of opened sessions are counted, by their cause.
CAUSES = (
    "client",  # the client closed its websocket properly
    "application",  # the application closed or dropped it
    "lost",  # the connection broke, or an HTTP client went away from a response
    "timeout",  # no further request came, or a websocket's ping was not answered
    "slow",  # the client did not read what it was sent
    "error",  # a callback failed, or the client broke the protocol
    "refused",  # the application refused it: on_open returned False or raised Refused
    "shutdown",  # the server stops
    "node_gone",  # the node that its client was connected to is gone, or another node took it over
)


class MovingAverage:
    """The average added per `flush`, over the last ``period`` flushes."""

    def __init__(self, period: int = 10) -> None:
        self.period = period
        self.accumulator = 0
        self.last_average: float = 0.0
        self._window: deque[int] = deque(maxlen=period)

    def add(self, n: int) -> None:
        """Add ``n`` to the count of the next flush."""
        self.accumulator += n

    def flush(self) -> None:
        """Move the accumulator into the window and compute the average again."""
        self._window.append(self.accumulator)
        self.accumulator = 0
        self.last_average = sum(self._window) / len(self._window)


class Traffic:
    """Totals of the sessions of one transport, which only grow.

    ``frames_out`` counts the batches handed to receivers: each is one ``a[...]`` frame, or on raw
    websockets a frame per message. Bytes are characters of text, and bytes of binary messages.
    """

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "ended",
        "frames_out",
        "messages_in",
        "messages_out",
        "opened",
    )

    def __init__(self) -> None:
        self.opened = 0
        self.ended: dict[str, int] = dict.fromkeys(CAUSES, 0)
        self.messages_in = self.messages_out = self.frames_out = 0
        self.bytes_in = self.bytes_out = 0

    @property
    def open(self) -> int:
        """How many sessions are open now."""
        return self.opened - sum(self.ended.values())

    def add(self, traffic: Sequence[int]) -> None:
        """Add counts of messages in and out, frames out, and bytes in and out."""
        messages_in, messages_out, frames_out, bytes_in, bytes_out = traffic
        self.messages_in += messages_in
        self.messages_out += messages_out
        self.frames_out += frames_out
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out

    def dump(self) -> dict[str, Any]:
        """Return all counters by name, ready for JSON."""
        return {
            "open": self.open,
            "opened": self.opened,
            "ended": dict(self.ended),
            "messages_in": self.messages_in,
            "messages_out": self.messages_out,
            "frames_out": self.frames_out,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
        }


class Counted(Protocol):
    """What statistics read from a session."""

    @property
    def transport(self) -> str: ...
    @property
    def cause(self) -> str: ...
    @property
    def messages_in(self) -> int: ...
    @property
    def messages_out(self) -> int: ...

    def take_traffic(self) -> Sequence[int]:
        """Return the traffic since the last call, as `Traffic.add` takes it."""
        ...


class StatsCollector:
    """The counters of a router; ``dump()`` is a snapshot for humans and monitors.

    ``reactor`` is any `IReactorTime`. Nothing is scheduled before `start` is called.
    """

    def __init__(self, reactor: Any) -> None:
        self.sessions_active = 0
        self.transports: dict[str, Traffic] = {name: Traffic() for name in TRANSPORTS}
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
        """Whether nothing has happened for so long that all averages are zero."""
        averages = (self.connections_ps, self.packets_sent_ps, self.packets_rcv_ps)
        return not any(a.accumulator or a.last_average for a in averages)

    def start(self) -> None:
        """Start the averages, which move once a second."""
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
        """Count a session opened over this transport."""
        self.sessions_active += 1
        traffic = self.transports.get(transport)
        if traffic is None:  # an application's own
            traffic = self.transports[transport] = Traffic()
        traffic.opened += 1

    def session_ended(self, session: Counted) -> None:
        """Count the end of an opened session, by its cause, one of `CAUSES`."""
        self.sessions_active -= 1
        traffic = self.transports[session.transport]
        traffic.ended[session.cause] += 1
        if session.messages_in or session.messages_out:
            traffic.add(session.take_traffic())

    def add_up(self, session: Counted) -> None:
        """Add an open session's traffic since the last call to the totals of its transport."""
        self.transports[session.transport].add(session.take_traffic())

    def connection_opened(self) -> None:
        """Count a request or socket that carries a session."""
        self.connections_active += 1
        self.connections_ps.accumulator += 1

    def connection_closed(self) -> None:
        """Count the end of such a request or socket."""
        self.connections_active -= 1

    def dropped(self, count: int = 1) -> None:
        """Count messages that reached neither client nor application."""
        self.messages_dropped += count

    def slow_consumer(self) -> None:
        """Count a session that is closed because its client does not read."""
        self.slow_consumers += 1

    def refused(self, kind: str) -> None:
        """Count a refusal; ``kind`` is one of `REFUSALS`."""
        self.refusals[kind] += 1

    def dump(self) -> dict[str, float]:
        """Return all counters by name; those that end in ``_ps`` are per second.

        ``messages_dropped`` counts messages that reached neither client nor application because
        their session had ended, ``slow_consumers`` sessions closed because their client did not
        read, and ``refused_<kind>`` refusals.
        """
        counters: dict[str, float] = {"sessions_active": self.sessions_active}
        counters.update((f"transp_{name}", each.opened) for name, each in self.transports.items())
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
