r"""The ``sockjs:`` endpoints.

A server endpoint wraps another one: ``sockjs:tcp\:8080:prefix=/chat``. A client endpoint takes the
URL of a server: ``sockjs:https\://example.com/chat:transports=xhr_polling``.

Rules: the wrapped endpoint, or the URL, is the only positional part, with ``:`` and ``=`` escaped;
each setting follows it by name; a wrong part is refused by name when the string is read. This
module imports no reactor, because twistd reads plugins before it chooses one.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamClientEndpointStringParserWithReactor,
    IStreamServerEndpoint,
    IStreamServerEndpointStringParser,
)
from twisted.plugin import IPlugin
from zope.interface import implementer

from .errors import SettingsError
from .http.prefix import check_prefix
from .protocols.connection import encoding_from
from .protocols.options_1x import parsed


@implementer(IStreamServerEndpoint)
class SockJSServerEndpoint:
    """Listen on another endpoint and serve the factory over SockJS.

    ``options`` are the keywords of `SockJSFactory`.
    """

    def __init__(self, reactor: Any, endpoint: IStreamServerEndpoint, **options: Any) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        self._options = options

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen; fires with the port of the wrapped endpoint."""
        return maybeDeferred(self._listen, protocolFactory)

    def _listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        # Imports Klein, which installs a reactor; twistd has chosen one by now.
        from .factory import SockJSFactory  # noqa: PLC0415

        return self._endpoint.listen(SockJSFactory(factory, reactor=self._reactor, **self._options))


@implementer(IPlugin, IStreamServerEndpointStringParser)
class SockJSEndpointParser:
    """Read the ``sockjs:`` strings of servers."""

    prefix = "sockjs"

    # Positional-only, because a string may use any name, "self" and "reactor" included.
    def parseStreamServer(  # type: ignore[override]
        self, reactor: Any, /, *args: Any, **kwargs: Any
    ) -> SockJSServerEndpoint:
        """Make the endpoint that a string describes."""
        options = dict(_option(name, text) for name, text in kwargs.items())
        if len(args) != 1:
            raise SettingsError(
                "sockjs: wraps one endpoint, its colons escaped, such as "
                f"sockjs:tcp\\:8080:prefix=/chat, not {len(args)} of them: {', '.join(args)}"
            )
        return SockJSServerEndpoint(reactor, serverFromString(reactor, args[0]), **options)


@implementer(IPlugin, IStreamClientEndpointStringParserWithReactor)
class SockJSClientEndpointParser:
    """Read the ``sockjs:`` strings of clients."""

    prefix = "sockjs"

    def parseStreamClient(  # type: ignore[override]
        self, reactor: Any, /, *args: str, **kwargs: str
    ) -> IStreamClientEndpoint:
        """Make the endpoint that a string describes."""
        # Imported late: this module is loaded to read the strings of other endpoints, too.
        from .client.strings import endpoint_from  # noqa: PLC0415

        return endpoint_from(reactor, args, kwargs)


def _option(name: str, text: str) -> tuple[str, object]:
    if name == "prefix":
        return name, check_prefix(text)
    if name == "fallback_encoding":
        return name, encoding_from(text)
    if ":" in name:
        raise SettingsError(f"in the endpoint that sockjs: wraps, = must be escaped: {name}\\=")
    return parsed(name, text)
