"""`Opening`: finds a transport that gets through, as sockjs-client does.

Rules: ``info`` is requested first. Its round trip sets how long each transport may take, and if it
says that the server has no websockets, none is tried. Transports are tried one after the other. A
server that refuses the client is not asked again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent, IAgentEndpointFactory

from ..errors import BrokenJSON, SettingsError, SockJSError
from ..wire.proto import json_decode
from .address import Address
from .errors import ConnectionFailed, explained
from .http_carrier import KINDS, HTTPCarrier
from .options import WEBSOCKET, Options
from .requests import Requests
from .session import Carrier, NotOpened, Session
from .websocket_carrier import WebSocketCarrier

# As in sockjs-client, in seconds.
INFO_TIMEOUT = 8.0


class NoInfo(SockJSError):
    """``info`` was not answered as a SockJS server would."""


@dataclass(frozen=True)
class Info:
    """A server's ``info``, the address of its sessions, and the round trip in seconds."""

    websocket: bool
    address: Address
    round_trip: float

    @property
    def timeout(self) -> float:
        """The least time a transport gets: two round trips, as sockjs-client counts them."""
        trip = self.round_trip
        return 2 * (4 * trip if trip > 0.1 else 0.3 + trip)


@dataclass(frozen=True)
class Opening:
    """How to open sessions with the server at ``address``."""

    reactor: IReactorTime
    address: Address
    options: Options
    endpoints: IAgentEndpointFactory
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    agent: IAgent | None = None

    def requests(self) -> Requests:
        """Make the object that sends the requests of one session."""
        headers, cookies = dict(self.headers), dict(self.cookies)
        return Requests(self.reactor, self.endpoints, self.address, headers, cookies, self.agent)

    async def session(self) -> Session:
        """Return an open session; raise `ConnectionFailed` if no transport gets through."""
        requests = self.requests()
        attempts: list[tuple[str, str]] = []
        session = None
        try:
            info = await self.info(requests)
            for name in self.options.transports:
                try:
                    session = await self.attempt(name, info, requests)
                    return session
                except NotOpened as error:
                    attempts.append((name, str(error)))
                    if error.final:
                        break
        except NoInfo as error:
            attempts.append(("info", str(error)))
        finally:
            if session is None:
                requests.close(at_once=True)
        raise ConnectionFailed(str(self.address), attempts)

    async def info(self, requests: Requests) -> Info:
        """Request ``info``; raise `NoInfo` if this is not a SockJS server."""
        began = self.reactor.seconds()
        try:
            answer = await requests.ask("GET", self.address.below("info"), None, INFO_TIMEOUT)
        except Exception as error:
            raise NoInfo(explained(Failure(error))) from error
        if answer.code in (301, 302, 303, 307, 308):
            raise NoInfo(f"it was answered with {answer.code}, a redirect to {answer.location}")
        if answer.code != 200:
            raise NoInfo(f"it was answered with {answer.code}")
        return self._read(answer.body, self.reactor.seconds() - began)

    def _read(self, body: bytes, round_trip: float) -> Info:
        try:
            value = json_decode(body)
        except BrokenJSON:
            raise NoInfo("the answer is no JSON: this is no SockJS server") from None
        if not isinstance(value, dict):
            raise NoInfo("the answer is no JSON object: this is no SockJS server")
        address, base_url = self.address, value.get("base_url")
        if isinstance(base_url, str) and base_url:
            try:
                address = address.joined(base_url)
            except (SettingsError, ValueError) as error:
                raise NoInfo(f"its base_url leads nowhere: {error}") from None
            if self.address.is_secure and not address.is_secure:
                raise NoInfo("its base_url leads from https: to http:")
        return Info(value.get("websocket") is not False, address, round_trip)

    async def attempt(self, name: str, info: Info, requests: Requests) -> Session:
        """Open a session over one transport; raise `NotOpened` if that fails."""
        if name == WEBSOCKET and not info.websocket:
            raise NotOpened("the server says that it has none")
        session = Session(self.reactor, self.options, name, _named(info.address))
        timeout = max(self.options.timeout, info.timeout)
        await session.connect(self._carrier(name)(session, requests), timeout)
        if name == WEBSOCKET:
            requests.close()  # nobody needs the connection of info any more
        return session

    def _carrier(self, name: str) -> Callable[[Session, Requests], Carrier]:
        return self._websocket if name == WEBSOCKET else self._http

    def _http(self, session: Session, requests: Requests) -> Carrier:
        return HTTPCarrier(session, requests, KINDS[session.transport])

    def _websocket(self, session: Session, requests: Requests) -> Carrier:
        at = session.address
        headers = requests.headers_for(at)
        cookie = requests.cookie(at)
        if cookie is not None:
            headers["Cookie"] = cookie
        endpoint = self.endpoints.endpointForURI(at.uri())
        return WebSocketCarrier(session, endpoint, headers)


def _named(address: Address) -> Address:
    """Return the address of a new session: a server number, for load balancers, and an id."""
    return address.below(f"{secrets.randbelow(1000):03}", secrets.token_hex(16))
