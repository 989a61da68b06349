"""`SockJSClientEndpoint`: connects Twisted protocols to a SockJS server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

from twisted.internet.address import HostnameAddress
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.web.iweb import IAgent, IAgentEndpointFactory
from zope.interface import implementer

from ..errors import SettingsError
from ..settings import MIB
from ..wire.text import checked_encoding
from .address import Address, checked_cookies, checked_headers
from .endpoints import Endpoints
from .opening import Opening
from .options import TRANSPORTS, WEBSOCKET, Options, checked_transports
from .requests import check_installed
from .transport import ClientTransport


@implementer(IStreamClientEndpoint)
class SockJSClientEndpoint:
    """A SockJS server at a URL such as ``https://example.com/chat``.

    ``transports`` are tried in order. ``headers`` and ``cookies`` are sent with each request.
    ``endpoints`` replaces Twisted's own connections to a host, for TLS with your own certificates
    (`Endpoints`) or a UNIX socket. ``agent`` makes the HTTP requests, for example through a proxy.
    A websocket can't use it, and so is left out unless you give ``endpoints``, too. `Options`
    describes the rest, and `Decoder` describes ``fallback_encoding``.

    Raises `SettingsError` for wrong arguments.
    """

    def __init__(
        self,
        reactor: Any,
        url: str,
        *,
        transports: str | Iterable[str] = TRANSPORTS,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        agent: IAgent | None = None,
        endpoints: IAgentEndpointFactory | None = None,
        timeout: float = 2.0,
        heartbeat_timeout: float | None = 60.0,
        send_limit: int = 8 * MIB,
        frame_limit: int = 64 * MIB,
        fallback_encoding: str | None = None,
    ) -> None:
        check_installed()
        names = checked_transports(transports)
        if agent is not None and endpoints is None:
            names = tuple(name for name in names if name != WEBSOCKET)
            if not names:
                raise SettingsError("a websocket can't go through an agent: give endpoints, too")
        self._fallback = checked_encoding(fallback_encoding)
        self.opening = Opening(
            reactor,
            Address.parse(url),
            Options(names, timeout, heartbeat_timeout, send_limit, frame_limit),
            Endpoints(reactor) if endpoints is None else endpoints,
            checked_headers(headers),
            checked_cookies(cookies),
            agent,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.opening.address}>"

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect a protocol; fails with `ConnectionFailed` if no transport gets through."""

        def cancel(connected: Deferred[IProtocol]) -> None:
            # Before cancelling the attempt, which may fail with an error of its own.
            connected.errback(CancelledError())
            connecting.cancel()

        connected: Deferred[IProtocol] = Deferred(cancel)
        connecting = Deferred.fromCoroutine(self._connect(protocolFactory))
        connecting.addBoth(lambda result: None if connected.called else connected.callback(result))
        return connected

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        uri = self.opening.address.uri()
        address = HostnameAddress(uri.host, uri.port)
        with ExitStack() as undone:
            factory.doStart()
            undone.callback(factory.doStop)
            session = await self.opening.session()
            undone.callback(session.abort)
            protocol = factory.buildProtocol(address)
            if protocol is None:
                raise ConnectionAborted("the factory refused the connection")
            transport = ClientTransport(session, address, self._fallback, factory.doStop)
            transport.connect(protocol)
            undone.pop_all()
        return protocol
