"""`Endpoints`: the default way to make connections for a URL."""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import importlib.util
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.iweb import IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from ..errors import SettingsError


def check_tls() -> None:
    """Raise `SettingsError` if TLS is not installed."""
    if importlib.util.find_spec("OpenSSL") is None:
        raise SettingsError("https: and wss: need TLS: pip install 'twisted[tls]'")


@implementer(IAgentEndpointFactory)
class Endpoints:
    """Endpoints for the host of a URL, over TLS for ``https:``.

    ``tls`` says which certificates to trust; by default, those that the platform trusts.
    """

    def __init__(self, reactor: Any, tls: IPolicyForHTTPS | None = None) -> None:
        self._reactor = reactor
        self._tls = tls

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Return the endpoint of a server."""
        endpoint: IStreamClientEndpoint = HostnameEndpoint(self._reactor, uri.host, uri.port)
        if uri.scheme != b"https":
            return endpoint
        if self._tls is None:
            # Made late: it reads the platform's certificates, and needs pyOpenSSL.
            self._tls = BrowserLikePolicyForHTTPS()
        wrapped: IStreamClientEndpoint = wrapClientTLS(
            self._tls.creatorForNetloc(uri.host, uri.port), endpoint
        )
        return wrapped
