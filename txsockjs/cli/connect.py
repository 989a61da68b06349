"""``python -m txsockjs connect``: a terminal for a SockJS server.

Rules: only messages go to standard output; everything else goes to standard error. Input is read as
fast as the server takes it.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import sys
import threading
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.threads import blockingCallFromThread
from twisted.python import usage
from zope.interface import implementer

from ..client import ConnectionFailed, SessionClosed, SockJSClientProtocol
from ..errors import BrokenJSON
from ..settings import MIB
from ..wire.proto import json_decode, json_encode
from ..wire.text import encoded, split_lines
from .client_options import ClientOptions, shown

WRONG, NOT_CONNECTED, LOST, TOO_FEW = 1, 2, 3, 4

# In bytes; no server takes a longer message.
_LONGEST_LINE = 64 * MIB


class ConnectOptions(ClientOptions):
    """What to send and what to show."""

    longdesc = (
        "Send each line of standard input as a message, and write each message that comes as a "
        "line. Exit codes: 0, the session was closed; 1, the command line, the input or the "
        "output is wrong; 2, there was no connection; 3, the connection was lost; 4, fewer "
        "messages came than --count; 130, it was interrupted."
    )
    optFlags: ClassVar[list[list[object]]] = [
        ["json", None, "Each line, in and out, is a JSON string, so that any message is a line."],
    ]
    optParameters: ClassVar[list[list[object]]] = [
        ["wait", None, "1", "How long to wait for messages after the end of input, in seconds."],
        ["count", None, None, "Close once so many messages have come."],
    ]

    def postOptions(self) -> None:
        """Parse the numbers, too."""
        super().postOptions()
        self["wait"] = self.number("wait")
        if self["count"] is not None:
            if not self["count"].isdecimal() or int(self["count"]) < 1:
                raise usage.UsageError(f"--count must be a number > 0, not {self['count']!r}")
            self["count"] = int(self["count"])

    async def run(self, reactor: IReactorTime) -> int:
        """Connect, and return the exit code."""
        with open(os.devnull, "wb") as nowhere:
            # None if the shell has closed it.
            output = nowhere if sys.stdout is None else sys.stdout.buffer
            return await self._talk(reactor, Terminal(reactor, self, output))

    async def _talk(self, reactor: IReactorTime, terminal: Terminal) -> int:
        try:
            await self.endpoint(reactor).connect(Factory.forProtocol(lambda: terminal))
        except ConnectionFailed as error:
            say(str(error))
            return NOT_CONNECTED
        say(f"connected over {terminal.transport.name}")
        if sys.stdin is None:
            terminal.input_ended()
        else:
            Input(reactor, terminal).start()
        return await terminal.over


class Terminal(SockJSClientProtocol):
    """A connection with a line for each message; ``over`` fires with the exit code."""

    def __init__(self, reactor: IReactorTime, options: Any, output: Any) -> None:
        self.over: Deferred[int] = Deferred()
        self._reactor = reactor
        self._options = options
        self._output = output
        self._got = 0
        self._waiting: Any | None = None
        self._code: int | None = None

    def on_message(self, message: str) -> None:
        """Write a message."""
        text = json_encode(message) if self._options["json"] else message
        try:
            self._output.write(encoded(text) + b"\n")
            self._output.flush()
        except OSError as error:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # Python flushes it at the end
            if isinstance(error, BrokenPipeError):  # from ``| head``, which has seen enough
                self._end(0)
            else:
                self.fail(f"cannot write: {error.strerror}")
            return
        self._got += 1
        if self._got == self._options["count"]:
            self._end(0)

    def line(self, line: bytes) -> None:
        """Send a line of input."""
        if self._code is not None:
            return
        text = line.decode("utf-8", "replace")
        if self._options["json"]:
            try:
                text = json_decode(text)
            except BrokenJSON:
                text = None  # type: ignore[assignment]
            if not isinstance(text, str):
                self.fail(f"not a JSON string: {line[:60]!r}")
                return
        self.send(text)

    def fail(self, why: str) -> None:
        """Report an error in the input or the output, and end."""
        if self._code is None:
            say(why)
        self._end(WRONG)

    def input_ended(self) -> None:
        """Wait for messages that may still come, and close."""
        self.transport.unregisterProducer()
        if self._waiting is None and not self.over.called:
            self._waiting = self._reactor.callLater(self._options["wait"], self._waited)

    def _waited(self) -> None:
        self._waiting = None
        self._end(0 if self._options["count"] is None else TOO_FEW)

    def _end(self, code: int) -> None:
        if self._code is None:
            self._code = code
            self.transport.unregisterProducer()
            self.close()

    def connectionLost(self, reason: Any = None) -> None:
        """Report the reason, and end."""
        if self._waiting is not None:
            self._waiting.cancel()
        say(str(reason.value))
        code = self._code
        if code is None:
            code = 0 if self._options["count"] is None else TOO_FEW
        self.over.callback(code if reason.check(SessionClosed) else LOST)


@implementer(IPushProducer)
class Input:
    """Reads standard input in a thread, because a reactor can't wait for every kind of file."""

    def __init__(self, reactor: Any, terminal: Terminal, descriptor: int = 0) -> None:
        self._reactor = reactor
        self._terminal = terminal
        self._descriptor = descriptor
        self._may_read = threading.Event()
        self._rest = bytearray()

    def start(self) -> None:
        """Start reading."""
        self._may_read.set()
        self._terminal.transport.registerProducer(self, True)
        # A thread waiting for input must not keep the program from ending.
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        data = b"x"
        while data:
            self._may_read.wait()
            try:
                data = os.read(self._descriptor, 65536)
            except OSError as error:
                why = f"cannot read: {error.strerror}"
                blockingCallFromThread(self._reactor, self._terminal.fail, why)
                return
            blockingCallFromThread(self._reactor, self.received, data)

    def received(self, data: bytes) -> None:
        """Handle what was read; empty data is the end."""
        lines = split_lines(self._rest, data)
        if len(self._rest) > _LONGEST_LINE:
            self._terminal.fail(f"a line of more than {_LONGEST_LINE} bytes")
            self._rest.clear()
        if not data and self._rest:
            lines.append(bytes(self._rest))
        for line in lines:
            self._terminal.line(line.removesuffix(b"\r"))
        if not data:
            self._terminal.input_ended()

    def pauseProducing(self) -> None:
        """Pause reading."""
        self._may_read.clear()

    def resumeProducing(self) -> None:
        """Resume reading."""
        self._may_read.set()

    def stopProducing(self) -> None:
        """Stop reading."""
        self._may_read.clear()


def say(words: str) -> None:
    """Write a line to standard error."""
    # Works even if the shell has closed it.
    print(f"txsockjs: {shown(words)}", file=sys.stderr)  # noqa: T201
