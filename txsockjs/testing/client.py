"""`Client`: what a test does and sees, over any transport.

Rules: a client reacts (polls again, answers a ping) when the test next reads from it or acts, or in
the clock's next iteration; never inside a call of the server.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Callable, Union

from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.web.server import Site

from ..errors import SockJSError
from ..router import SockJSRouter
from ..site import SockJSSite
from .agenda import Agenda, Unread
from .network import Connection

Message = Union[str, bytes]


class BadAnswer(SockJSError):
    """A request was answered with an error; ``status`` and ``body`` are the answer's."""

    def __init__(self, path: str, status: int, body: bytes) -> None:
        super().__init__(f"{path} was answered with {status} {body.decode('utf-8', 'replace')}")
        self.status = status
        self.body = body


def advance(clock: Clock, seconds: float) -> None:
    """Advance ``clock``, stopping wherever something is due."""
    end = clock.seconds() + seconds
    while True:
        due = [call.getTime() for call in clock.getDelayedCalls() if call.getTime() <= end]
        if not due:
            break
        # At least a moment: otherwise a program that always has something due would stop time.
        clock.advance(max(min(due) - clock.seconds(), 0.001))
    clock.advance(max(end - clock.seconds(), 0))


class Client:
    """One client; made by `connect`."""

    def __init__(
        self,
        router: SockJSRouter,
        transport: str,
        ip: str,
        query: str,
        headers: Mapping[str, str] | None,
        session_id: str | None,
        plain: bool,
    ) -> None:
        self.router = router
        self.transport = transport
        self.session_id = session_id or secrets.token_hex(8)
        self.opened = False
        self._heartbeats = 0
        self._close_reason: tuple[int, str] | None = None
        self._ip = ip
        self._query = query
        self._base = f"{router.prefix}/000/{self.session_id}"
        self._headers = {name.replace("-", "_"): value for name, value in (headers or {}).items()}
        self._clock: Clock = router.reactor
        self._site = _site(router, plain)
        self._messages: list[Message] = []
        self._taken = 0
        self._over = False
        self._unread = Unread()
        self._agenda = Agenda(self._clock)

    def __repr__(self) -> str:
        state = "open" if self.is_open else "closed"
        return (
            f"<{self.transport} client {self.session_id} {state}, {len(self._messages)} messages>"
        )

    # -- what a test sees

    @property
    def messages(self) -> list[Message]:
        """All messages received, in order."""
        self._agenda.do()
        return self._messages

    @property
    def heartbeats(self) -> int:
        """How many heartbeats were received."""
        self._agenda.do()
        return self._heartbeats

    @property
    def close_reason(self) -> tuple[int, str] | None:
        """The code and reason with which the server closed, or None if it has not."""
        self._agenda.do()
        return self._close_reason

    @property
    def is_open(self) -> bool:
        """Whether the session is open, as far as the client knows."""
        self._agenda.do()
        return self.opened and not self._over

    @property
    def is_held(self) -> bool:
        """Whether messages of the client wait for the server to take them."""
        raise NotImplementedError

    def take(self) -> list[Message]:
        """Return the messages received since the last call."""
        new = self.messages[self._taken :]
        self._taken += len(new)
        return new

    # -- what a test does

    def send(self, *messages: Message) -> None:
        """Send messages together; ``bytes`` on a raw websocket only."""
        if not self.is_open:
            raise RuntimeError(f"{self!r} can't send any more")
        for message in messages:
            if not isinstance(message, str) and self.transport != "rawwebsocket":
                raise TypeError(f"a message must be str, not {message!r}")
        self._agenda.do(lambda: self._send(list(messages)))

    def close(self) -> None:
        """Close, as a page does when it calls ``close()``."""
        if not self._over:
            self._agenda.do(self._close)

    def advance(self, seconds: float) -> None:
        """Advance the router's clock, stopping wherever something is due."""
        self._agenda.do()
        advance(self._clock, seconds)
        self._agenda.do()

    # -- what the network does

    def drop(self) -> None:
        """Lose the connection; the server notices at once."""
        self._cut()
        for connection in self._connections():
            connection.vanish(ConnectionLost())

    def half_open(self) -> None:
        """Vanish: nothing arrives any more, in either direction.

        The server notices through its ping, or when the kernel would tell it.
        """
        self._cut()
        for connection in self._connections():
            connection.transport.half_open(self.router.settings.peer_timeout)

    def stop_reading(self) -> None:
        """Stop reading, so that the server has to wait."""
        self._unread.reading = False
        for connection in self._connections():
            connection.transport.slow = True

    def read_on(self) -> None:
        """Read again, beginning with what has arrived meanwhile."""
        self._unread.read_on()
        for connection in self._connections():
            connection.transport.drain()
        self._agenda.do()

    # -- for the transports

    def start(self) -> None:
        """Connect."""
        self._agenda.do(self._start)

    def _start(self) -> None:
        raise NotImplementedError

    def _send(self, messages: list[Message]) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _connections(self) -> list[Connection]:
        raise NotImplementedError

    def _connect(self, reader: Callable[[bytes], object], lost: Callable[[], object]) -> Connection:
        """Open a connection; the callbacks are called when the client reads."""
        connection = Connection(self._site, self._clock, self._ip)
        transport = connection.transport
        transport.slow = not self._unread.reading
        transport.reader = lambda data: self._unread.read(lambda: reader(data))
        transport.lost = lambda: self._unread.read(lost)
        return connection

    def _frame(self, frame: str) -> None:
        """Take a SockJS frame."""
        kind = frame[:1]
        if kind == "o":
            self.opened = True
        elif kind == "h":
            self._heartbeats += 1
        elif kind == "a":
            self._messages.extend(json.loads(frame[1:]))
        elif kind == "c":
            code, reason = json.loads(frame[1:])
            self._close_reason = (code, reason)
            self._end()

    def _refused(self, path: str, status: int, body: bytes) -> None:
        self._agenda.fail(BadAnswer(path, status, body))
        self._end()

    def _end(self) -> None:
        """Note that the session is over."""
        self._over = True

    def _cut(self) -> None:
        """Stop everything."""
        self._end()
        self._agenda.clear()
        self._unread.clear()


def with_queries(path: str, *queries: str) -> str:
    """Return a path with the queries that are not empty."""
    query = "&".join(filter(None, queries))
    return f"{path}?{query}" if query else path


def _site(router: SockJSRouter, plain: bool) -> Site:
    site: Site
    if plain:
        site = Site(router.resource(), reactor=router.reactor)
        site.timeOut = None
    else:
        site = SockJSSite(router.resource(), [router], reactor=router.reactor)
    return site
