"""``python -m txsockjs check``: tries each transport of a server, and says what fails.

Rules: the server's application only sees a session that opens and closes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from ..client.errors import explained
from ..client.opening import INFO_TIMEOUT, Info, NoInfo, Opening
from ..client.options import EVENTSOURCE, WEBSOCKET, XHR_POLLING, XHR_STREAMING
from ..client.requests import Requests
from ..client.session import NotOpened, Session
from .client_options import ClientOptions, shown

NOTHING_WORKS, SOMETHING_FAILS = 2, 3


class CheckOptions(ClientOptions):
    """What to try, and how long to hold a session."""

    longdesc = (
        "Ask for info, open and close a session over each transport, and say what fails and why. "
        "Exit codes: 0, all works; 1, the command line is wrong; 2, nothing works; 3, something "
        "does not."
    )
    optFlags: ClassVar[list[list[object]]] = [["json", None, "Write the results as JSON."]]
    optParameters: ClassVar[list[list[object]]] = [
        [
            "hold",
            None,
            "0",
            "How long to hold each session, in seconds, to see what ends it and count heartbeats.",
        ],
    ]

    def postOptions(self) -> None:
        """Parse the number, too."""
        super().postOptions()
        self["hold"] = self.number("hold")

    async def run(self, reactor: IReactorTime) -> int:
        """Check, write the findings, and return the exit code."""
        opening = self.endpoint(reactor).opening
        requests = opening.requests()
        try:
            info = await opening.info(requests)
        except NoInfo as error:
            self._write(None, [], [f"info: {error}"])
            return NOTHING_WORKS
        finally:
            requests.close()
        results = [
            await Trial(opening, info, self["hold"]).result(name)
            for name in opening.options.transports
        ]
        self._write(info, results, findings(results))
        tried = [result for result in results if not result.off]
        if not any(result.works for result in tried):
            return NOTHING_WORKS
        return 0 if all(result.works for result in tried) else SOMETHING_FAILS

    def _write(self, info: Info | None, results: Sequence[Result], found: Sequence[str]) -> None:
        if self["json"]:
            value = {
                "url": self["url"],
                "info": info and {"seconds": info.round_trip, "websocket": info.websocket},
                "transports": [{**asdict(result), "works": result.works} for result in results],
                "findings": list(found),
            }
            lines = [json.dumps(value, indent=2)]
        else:
            head = []
            if info is not None:
                head.append(f"info            works  {info.round_trip * 1000:7.0f} ms")
            lines = [shown(line) for line in (*head, *map(str, results), *found)]
        try:
            print("\n".join(lines), flush=True)  # noqa: T201  # also where the shell has closed it
        except OSError as error:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # Python flushes it at the end
            if not isinstance(error, BrokenPipeError):  # from ``| head``, which has seen enough
                raise SystemExit(f"txsockjs: cannot write: {error.strerror}") from None


@dataclass
class Result:
    """The result for one transport.

    ``seconds`` is how long it took to open, None if it did not; ``why`` is what went wrong, or
    None. ``late`` is whether that was a time-out; ``off`` is whether the server has said that it
    does not have this transport.
    """

    transport: str
    seconds: float | None = None
    why: str | None = None
    late: bool = False
    off: bool = False
    heartbeats: int = 0

    @property
    def works(self) -> bool:
        """Whether everything went well."""
        return self.why is None

    def __str__(self) -> str:
        word = "off" if self.off else "works" if self.works else "FAILS"
        took = "" if self.seconds is None else f"{self.seconds * 1000:7.0f} ms"
        seen = self.why or (f"{self.heartbeats} heartbeats" if self.heartbeats else "")
        return f"{self.transport:<15} {word:<6} {took:<10}  {seen}".rstrip()


class Trial:
    """A session over one transport, which is opened, held and closed."""

    def __init__(self, opening: Opening, info: Info, hold: float) -> None:
        self._opening = opening
        self._info = info
        self._hold = hold
        self._end: Exception | None = None
        self._over: Deferred[None] = Deferred()

    async def result(self, transport: str) -> Result:
        """Try a transport, and return the result."""
        result = Result(transport)
        if transport == WEBSOCKET and not self._info.websocket:
            result.off, result.why = True, "the server says that it has none"
            return result
        requests = self._opening.requests()
        reactor = self._opening.reactor
        began = reactor.seconds()
        try:
            session = await self._opening.attempt(transport, self._info, requests)
        except NotOpened as error:
            result.why, result.late = str(error), error.late
            requests.close()
            return result
        result.seconds = reactor.seconds() - began
        session.begin(self)
        if transport != WEBSOCKET:
            result.why = await self._send(session, requests)
        if self._hold and result.why is None:
            await deferLater(reactor, self._hold, lambda: None)
            result.heartbeats = session.heartbeats
            if self._end is not None:
                result.why = self._lost
        session.close()
        if self._end is None:
            await self._over
        return result

    @property
    def _lost(self) -> str:
        return f"it did not stay open: {self._end}"

    async def _send(self, session: Session, requests: Requests) -> str | None:
        """Send an empty list of messages, which a server must accept; return what went wrong."""
        address = session.address.below("xhr_send")
        try:
            answer = await requests.ask("POST", address, b"[]", INFO_TIMEOUT)
        except Exception as error:  # noqa: BLE001  # whatever HTTP and TLS bring
            if not session.is_open:  # its end has ended this request, too
                await self._over
                return self._lost
            return f"xhr_send failed: {explained(Failure(error))}"
        return None if answer.is_taken else f"xhr_send was answered with {answer.code}"

    # -- told by the session

    def received(self, message: str | bytes) -> None:
        """Ignore a message."""

    def ended(self, reason: Exception) -> None:
        """Note the end."""
        self._end = reason
        self._over.callback(None)


def findings(results: Sequence[Result]) -> list[str]:
    """Say what the results together tell about proxies between the client and the server."""
    by_name = {result.transport: result for result in results if not result.off}
    works = {name for name, result in by_name.items() if result.works}
    found = []
    websocket = by_name.get(WEBSOCKET)
    if websocket is not None and not websocket.works and works:
        found.append(
            "Something on the way breaks websockets: a proxy must pass on the headers Upgrade and "
            "Connection, over HTTP/1.1."
        )
    held = [name for name in (XHR_STREAMING, EVENTSOURCE) if name in by_name]
    if XHR_POLLING in works and any(by_name[name].late for name in held):
        found.append(
            "Something on the way holds responses back until they end: a proxy that buffers. "
            "Streaming needs that off."
        )
    if any("404" in (result.why or "") and result.seconds is not None for result in results):
        found.append(
            "Requests of one session reach different servers: a balancer must send them to one, "
            "unless the servers are one cluster."
        )
    lost = [result.why for result in results if "did not stay open" in (result.why or "")]
    if any("404" not in (why or "") for why in lost):
        found.append(
            "Something on the way ends connections that are idle: its time-out must be longer than "
            "the server's heartbeat_delay."
        )
    return found
