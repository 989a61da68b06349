"""`endpoint_of`: endpoints from their strings; ``ssl:`` ones take up renewed certificates.

Rules: the files are read again at a handshake, at most once a minute, so that a renewed certificate
needs neither a signal nor a restart. If the files can't be read or do not match, the old
certificate stays, and the log says why, once. A certificate that did not change is left alone,
because clients resume their TLS sessions with it.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IOpenSSLContextFactory,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from zope.interface import implementer

#: How many seconds files are not read again.
INTERVAL = 60.0


def is_tls(description: str) -> bool:
    """Return whether a string describes an ``ssl:`` endpoint, or one inside ``haproxy:``."""
    return description.removeprefix("haproxy:").startswith("ssl:")


def endpoint_of(reactor: Any, description: str) -> IStreamServerEndpoint:
    """Return the endpoint that a string describes; raises what its parser raises."""
    if is_tls(description):
        reactor = _Renewing(reactor, description)
    endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    return endpoint


class _Renewing:
    """A stand-in for a reactor that listens with a `RenewedContext`."""

    def __init__(self, reactor: Any, description: str) -> None:
        self._reactor = reactor
        self._description = description

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenSSL(
        self, port: int, factory: IProtocolFactory, contextFactory: Any, **options: object
    ) -> Any:
        """Listen on the reactor."""
        context = RenewedContext(self._reactor, self._description, contextFactory)
        return self._reactor.listenSSL(port, factory, context, **options)


@implementer(IOpenSSLContextFactory)
class RenewedContext:
    """An `IOpenSSLContextFactory` that follows the files of an ``ssl:`` endpoint.

    ``options`` is the `CertificateOptions` made from them at the start.
    """

    _log = Logger()

    def __init__(self, reactor: Any, description: str, options: Any) -> None:
        self._reactor = reactor
        self._description = description
        self._options = options
        self._looked = reactor.seconds()
        self._problem = ""

    def getContext(self) -> Any:
        """Return the context for a handshake."""
        now = self._reactor.seconds()
        if now - self._looked >= INTERVAL:
            self._looked = now
            self._look()
        return self._options.getContext()

    def _look(self) -> None:
        problem = ""
        try:
            found = _Reader.read(self._description)
            found.getContext()  # fails if the key belongs to another certificate
        except Exception as error:  # noqa: BLE001  # parsers and OpenSSL raise what they like
            problem = " ".join(f"{type(error).__name__}: {error}".split())
            if problem != self._problem:
                self._log.warn(
                    "kept the certificate of {endpoint}: {problem}",
                    endpoint=self._description,
                    problem=problem,
                )
        else:
            if _fingerprints(found) != _fingerprints(self._options):
                self._options = found
                self._log.info(
                    "took the renewed certificate of {endpoint}", endpoint=self._description
                )
        self._problem = problem


class _Reader:
    """A stand-in for a reactor that does not listen, and keeps the context it gets."""

    options: Any

    @classmethod
    def read(cls, description: str) -> Any:
        """Return the `CertificateOptions` of the files named in a string."""
        reader = cls()
        serverFromString(reader, description).listen(Factory())
        return reader.options

    def listenSSL(
        self, port: int, factory: IProtocolFactory, contextFactory: Any, **options: object
    ) -> None:
        self.options = contextFactory


def _fingerprints(options: Any) -> list[bytes]:
    chain = [options.certificate, *(options.extraCertChain or ())]
    return [certificate.digest("sha256") for certificate in chain]
