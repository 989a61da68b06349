"""`Connection`: a connection to a broker that always reconnects.

Rules: one connection carries commands and publications (RESP3), so that there is one state: reached
or not. Reconnecting starts after 0.1 s and ends up at every second; an error is logged once.
Replies come in the order of the commands; commands without a reply when a connection ends are
answered with `Lost`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...errors import SettingsError
from . import resp
from .client import Answer, Client, Lost, User
from .resp import ReplyError
from .url import RedisURL

# In seconds: the first delay, the longest delay, and the time for an attempt.
FIRST_DELAY = 0.1
LONGEST_DELAY = 1.0
_PATIENCE = 3.0
# In seconds: when another address of the host is tried, and when the last failure is reported.
_NEXT_ADDRESS = 0.05


class Connection:
    """The connection of a user to its broker.

    Raises `SettingsError` if TLS is wanted but its libraries are missing.
    """

    _log = Logger()

    def __init__(
        self, url: RedisURL, reactor: IReactorTime, user: User, scripts: Iterable[str] = ()
    ) -> None:
        self.url = url
        self.user = user
        self._reactor = reactor
        self._tls = _tls(url.host) if url.secure else None
        self._scripts = {script: _digest(script) for script in scripts}
        self._client: Client | None = None
        self._attempt: Deferred[object] | None = None
        self._retry: IDelayedCall | None = None
        self._delay = FIRST_DELAY
        self._running = False
        self._reached = False
        self._failed = False
        self._told: str | None = None  # the error that was logged; "" if there is none
        self._stopping: Deferred[None] | None = None
        self._out: list[bytes] = []
        self._out_answers: list[Answer | None] = []
        self._flush_call: IDelayedCall | None = None

    # -- its life

    def start(self) -> None:
        """Connect, and keep trying."""
        self._running = True
        self._connect()

    def stop(self) -> Deferred[None]:
        """Disconnect once everything sent has left; fires when that is done."""
        self._running = False
        stopped: Deferred[None] = Deferred()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._attempt is not None:
            self._attempt.cancel()
        if self._client is None:
            stopped.callback(None)
            return stopped
        self.flush()
        self._stopping = stopped
        self._client.close()
        giving_up = self._reactor.callLater(_PATIENCE, self.abort)
        stopped.addCallback(lambda _: giving_up.cancel() if giving_up.active() else None)
        return stopped

    def abort(self) -> None:
        """Drop the connection, which is dead or can't be used."""
        if self._client is not None:
            self._client.abort()

    def fail(self, reason: str) -> None:
        """Report an error, drop the connection and try again later."""
        self._delay = LONGEST_DELAY
        self._failed = True
        self.report(reason)
        self.abort()

    def _connect(self) -> None:
        self._retry = None
        endpoint: Any = HostnameEndpoint(
            self._reactor, self.url.host, self.url.port, _PATIENCE, attemptDelay=_NEXT_ADDRESS
        )
        if self._tls is not None:
            endpoint = wrapClientTLS(self._tls, endpoint)
        factory = Factory.forProtocol(lambda: Client(self))
        factory.noisy = False
        self._attempt = endpoint.connect(factory)
        self._attempt.addErrback(self._not_connected)

    def _not_connected(self, failure: Failure) -> None:
        self._attempt = None
        if self._running:
            self.report(failure.getErrorMessage())
            self._try_again()

    def _try_again(self) -> None:
        if self._running and self._retry is None:
            self._retry = self._reactor.callLater(self._delay, self._connect)
            self._delay = min(LONGEST_DELAY, self._delay * 2)

    def report(self, reason: str) -> None:
        """Log an error of this broker, unless it was logged already."""
        if reason != self._told:
            self._told = reason
            self._log.warn(
                "can't use {url}: {reason}; trying again every second",
                url=str(self.url),
                reason=reason,
            )
        self.user.broker_failed(reason)

    # -- one connection

    def connected(self, client: Client) -> None:
        """Greet the broker."""
        self._attempt = None
        self._failed = False
        self._client = client
        url = self.url
        hello = [b"HELLO", b"3"]
        if url.password is not None:
            hello += [b"AUTH", (url.user or "default").encode(), url.password.encode()]
        commands = [hello, [b"SELECT", b"%d" % url.database]]
        commands += [[b"SCRIPT", b"LOAD", script.encode()] for script in self._scripts]
        answers: list[Answer] = [self._check] * (len(commands) - 1)
        client.send(b"".join(resp.command(*each) for each in commands), [*answers, self._greeted])

    def _check(self, reply: object) -> None:
        if isinstance(reply, ReplyError) and not isinstance(reply, Lost):
            self.fail(str(reply))

    def _greeted(self, reply: object) -> None:
        self._check(reply)
        if not isinstance(reply, ReplyError) and self._client is not None:
            self._reached = True
            self.user.broker_reached()

    def works(self) -> None:
        """Note that this broker works, so that a later error is logged again."""
        self._delay = FIRST_DELAY
        if self._told != "":
            self._log.info("{url} can be used", url=str(self.url))
            self._told = ""

    def disconnected(self, client: Client, reason: Failure) -> None:
        """Note the end of a connection."""
        if client is not self._client:
            return
        self._client = None
        self._out.clear()
        answers, self._out_answers = self._out_answers, []
        reached, self._reached = self._reached, False
        if self._stopping is not None:
            self._stopping.callback(None)
        else:
            if not self._failed:
                self.report(reason.getErrorMessage())
            if reached:
                self.user.broker_lost()
        for answer in answers:
            if answer is not None:
                answer(Lost("the connection ended"))
        self._try_again()

    # -- commands

    @property
    def reached(self) -> bool:
        """Whether commands can be sent."""
        return self._reached

    @property
    def full(self) -> bool:
        """Whether the broker does not read."""
        return self._client is None or self._client.full

    def call(self, answer: Answer | None, *arguments: bytes) -> None:
        """Send a command, in one write with others of this iteration."""
        self._send(resp.command(*arguments), answer)

    def tell(self, *arguments: bytes) -> None:
        """Send a command that only pushes answer: to subscribe or unsubscribe."""
        if self._client is not None:
            self._out.append(resp.command(*arguments))
            self._flush_soon()

    def run(self, script: str, keys: list[bytes], arguments: list[bytes], answer: Answer) -> None:
        """Run one of the scripts."""
        digest = self._scripts[script]
        self.call(
            lambda reply: self._ran(reply, answer),
            *(b"EVALSHA", digest, b"%d" % len(keys), *keys, *arguments),
        )

    def _ran(self, reply: object, answer: Answer) -> None:
        if isinstance(reply, ReplyError) and str(reply).startswith("NOSCRIPT"):
            self.fail("it forgot our scripts")  # each connection loads them
            reply = Lost(str(reply))
        answer(reply)

    def publish(self, channel: bytes, message: bytes, answer: Answer | None = None) -> None:
        """Publish."""
        self._send(resp.publish(channel, message), answer)

    def _send(self, command: bytes, answer: Answer | None) -> None:
        if self._client is None:
            if answer is not None:
                self._reactor.callLater(0, answer, Lost("there is no connection"))
            return
        self._out.append(command)
        self._out_answers.append(answer)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._flush_call is None:
            self._flush_call = self._reactor.callLater(0, self.flush)

    def flush(self) -> None:
        """Send all commands of this iteration."""
        call, self._flush_call = self._flush_call, None
        if call is not None and call.active():
            call.cancel()
        if self._client is not None and self._out:
            self._client.send(b"".join(self._out), self._out_answers)
            self._out = []
            self._out_answers = []


def _tls(host: str) -> Any:
    """Return the TLS options for a host, whose certificate is verified."""
    try:
        from twisted.internet.ssl import optionsForClientTLS  # noqa: PLC0415  # needs OpenSSL
    except ImportError as error:
        raise SettingsError(
            f"rediss:// needs what pip install 'txsockjs[redis]' brings: {error}"
        ) from error
    return optionsForClientTLS(host)


def _digest(script: str) -> bytes:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest().encode()
