"""`Client`: one connection to a broker: commands out, replies and publications in.

Rules: replies come in the order of the commands; commands without a reply when the connection ends
are answered with `Lost`. Subscriptions are answered by pushes, which have no place in that order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Callable
from typing import Protocol as Interface

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ...server import tcp
from . import resp
from .resp import ReplyError

#: Takes a reply, which may be a `ReplyError`.
Answer = Callable[[Any], object]


class Lost(ReplyError):
    """The connection ended before the reply came; the command may have been carried out."""


class User(Interface):
    """The user of a connection."""

    def broker_reached(self) -> None:
        """Note that commands can be sent."""

    def broker_lost(self) -> None:
        """Note that commands can't be sent."""

    def broker_failed(self, reason: str) -> None:
        """Note that an attempt to connect failed."""

    def broker_said(self, channel: bytes, message: bytes) -> None:
        """Take a publication."""

    def broker_confirmed(self, channel: bytes) -> None:
        """Note that a subscription is active."""

    def broker_ready(self) -> None:
        """Note that the broker reads again, after it did not (`Connection.full`)."""


class ClientOwner(Interface):
    """The owner of a client, which hears of its connection."""

    user: User

    def connected(self, client: Client) -> None:
        """Note that the connection is made."""

    def disconnected(self, client: Client, reason: Failure) -> None:
        """Note that the connection ended."""

    def fail(self, reason: str) -> None:
        """Note that the connection can't be used."""


@implementer(IPushProducer)
class Client(Protocol):
    """One connection."""

    def __init__(self, owner: ClientOwner) -> None:
        self._owner = owner
        self._reader = resp.make_reader()
        self._answers: deque[Answer | None] = deque()
        self._aborted = False
        self.full = False

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.setTcpNoDelay(True)
        tcp.watch(transport, self)
        self._owner.connected(self)

    def send(self, commands: bytes, answers: Iterable[Answer | None]) -> None:
        """Send commands; each answer is called with its reply; None ignores the reply."""
        self._answers.extend(answers)
        tcp.write(self.transport, commands, self)

    def dataReceived(self, data: bytes) -> None:
        reader, answers = self._reader, self._answers
        try:
            reader.feed(data)
            while not self._aborted and (reply := reader.gets()) is not resp.NOTHING:
                if type(reply) is resp.Push:
                    self._pushed(reply)
                elif type(reply) is ReplyError and str(reply).startswith("NOPERM"):
                    # It may answer a subscription, which has no place in the queue.
                    self._owner.fail(str(reply))
                elif (answer := answers.popleft()) is not None:
                    answer(reply)
        except (resp.BrokenReply, IndexError) as error:
            self._owner.fail(f"it does not speak RESP3 ({error})")

    def _pushed(self, push: list[Any]) -> None:
        if push[0] == b"message":
            self._owner.user.broker_said(push[1], push[2])
        elif push[0] == b"subscribe":
            self._owner.user.broker_confirmed(push[1])

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._owner.disconnected(self, reason)
        answers, self._answers = self._answers, deque()
        for answer in answers:
            if answer is not None:
                answer(Lost("the connection ended"))

    def pauseProducing(self) -> None:
        self.full = True

    def resumeProducing(self) -> None:
        self.full = False
        self._owner.user.broker_ready()

    def stopProducing(self) -> None:
        """Do nothing: the end of the connection is reported in another way."""

    def close(self) -> None:
        """Disconnect once everything has left."""
        transport: Any = self.transport
        transport.unregisterProducer()
        transport.loseConnection()

    def abort(self) -> None:
        """Disconnect now, without reading anything more."""
        self._aborted = True
        transport: Any = self.transport
        transport.abortConnection()
