"""`Publisher`: sends to rooms from outside the nodes, in any Twisted program.

::

    publisher = Publisher("redis://127.0.0.1:6379/0")
    await publisher.room("/chat", "lobby").send("The shop opens")

Rules: it connects when there is something to publish, and reconnects when needed. Publications
leave in order; while Redis is away, they wait, up to 1 MiB and for ``patience`` seconds.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, fail

from ..actors.rooms import as_json, check_name
from ..errors import unsendable
from ..http.prefix import check_prefix
from ..wire.frames import check_reason
from ..wire.publication import CLOSE, POST, SEND, channel_name, encode, wire_name
from .bus import BusError
from .link import WINDOW
from .redis.client import Lost
from .redis.connection import Connection
from .redis.envelope import Envelope
from .redis.resp import ReplyError
from .redis.url import RedisURL


class Publisher:
    """Publishes to the rooms of all nodes at a broker.

    ``url`` is that of the nodes' ``--cluster``, ``secret`` their ``cluster_secret``; ``reactor``
    defaults to the global one. Raises `SettingsError` for a wrong URL.
    """

    def __init__(
        self,
        url: str,
        reactor: Any = None,
        secret: str | None = None,
        *,
        patience: float = 10.0,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415  # installs one
        self.url = RedisURL.parse(url)
        self.counters: Counter[str] = Counter()
        self._reactor = reactor
        self._patience = patience
        self._connection = Connection(self.url, reactor, self)
        self._envelope = Envelope(os.urandom(8).hex(), secret, self.counters)
        self._waiting: deque[tuple[bytes, bytes, Deferred[int]]] = deque()
        self._waiting_size = 0
        self._started = False
        self._closed = False
        self._reason = "it does not answer"

    def room(self, prefix: str, name: str, channel: str = "") -> PublishersRoom:
        """Return a room of the mount at ``prefix``, or of a multiplexed channel there.

        Raises `ValueError` or `TypeError` for invalid names.
        """
        key = (wire_name(channel), check_name(name))
        return PublishersRoom(self, channel_name(check_prefix(prefix), key))

    def close(self) -> Deferred[None]:
        """Disconnect; fires when that is done. Waiting publications fail."""
        self._closed = True
        self._reason = "the publisher was closed"
        for *_, answer in list(self._waiting):
            answer.cancel()
        return self._connection.stop()

    def publish(self, name: str, data: bytes) -> Deferred[int]:
        """Publish to a channel of the bus; fires with the number of nodes reached.

        Fails with `BusError` otherwise; its message says if the publication may have arrived.
        """
        if self._closed:
            return fail(BusError("this publisher was closed"))
        channel = f"{self.url.channels}{name}".encode("utf-8", "surrogatepass")
        message = self._envelope.close(channel, data)
        if self._waiting_size + len(message) > WINDOW:
            return fail(BusError("more than 1 MiB would wait for Redis"))
        self._waiting_size += len(message)
        answer: Deferred[int] = Deferred(lambda _: answer.errback(self._error()))
        entry = (channel, message, answer)
        self._waiting.append(entry)
        if not self._started:
            self._started = True
            self._connection.start()
        self._go_on()
        if answer.called:
            return answer
        giving_up = self._reactor.callLater(self._patience, answer.cancel)

        def answered(result: object) -> object:
            if giving_up.active():
                giving_up.cancel()
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._waiting_size -= len(message)
            return result

        return answer.addBoth(answered)

    def _error(self) -> BusError:
        return BusError(f"not published to {self.url}: {self._reason}")

    def _go_on(self) -> None:
        while self._waiting and self._connection.reached and not self._connection.full:
            channel, message, answer = self._waiting.popleft()
            self._waiting_size -= len(message)
            self._connection.publish(channel, message, partial(_tell, answer))

    # -- told by the connection

    def broker_reached(self) -> None:
        """Publish waiting publications."""
        self._connection.works()
        self._go_on()

    def broker_lost(self) -> None:
        """Wait."""

    def broker_failed(self, reason: str) -> None:
        """Keep the reason, for publications that wait in vain."""
        self._reason = reason

    def broker_ready(self) -> None:
        """Publish more waiting publications."""
        self._go_on()

    def broker_said(self, channel: bytes, message: bytes) -> None:
        """Do nothing: a publisher has no subscriptions."""

    def broker_confirmed(self, channel: bytes) -> None:
        """Do nothing."""


class PublishersRoom:
    """A room as seen from outside the nodes: like `Room`, but without the members.

    Each method returns a Deferred, which fires with the number of nodes that have members there.
    """

    def __init__(self, publisher: Publisher, name: str) -> None:
        self._publisher = publisher
        self._name = name

    def send(self, *messages: str) -> Deferred[int]:
        """Send text to every member."""
        for message in messages:
            if not isinstance(message, str):
                raise unsendable(message, "str in a room")
        return self._say(SEND, list(messages))

    def post(self, *events: object) -> Deferred[int]:
        """Deliver events, any JSON values, to ``on_event`` of every member."""
        for event in events:
            as_json("an event", event)
        return self._say(POST, list(events))

    def close(self, code: int = 3000, reason: str = "Go away!") -> Deferred[int]:
        """End the sessions of all members."""
        check_reason(code, reason)
        return self._say(CLOSE, [int(code), reason])

    def _say(self, kind: str, value: object) -> Deferred[int]:
        return self._publisher.publish(self._name, encode(kind, value))


def _tell(answer: Deferred[int], reply: Any) -> None:
    if answer.called:
        return
    if isinstance(reply, Lost):
        answer.errback(BusError("it may not have been published: the connection ended"))
    elif isinstance(reply, ReplyError):
        answer.errback(BusError(f"not published: {reply}"))
    else:
        answer.callback(reply)
