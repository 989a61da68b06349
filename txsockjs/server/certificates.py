"""`endpoint_of`: endpoints by their strings, of which ``ssl:`` takes renewed certificates.

Rules: the files are read again at a handshake, once a minute at most, so that a renewed
certificate takes neither a signal nor a restart. What can't be read, or does not fit together, is
not taken: the one that there is stays, and the log says why, once. What did not change is left
alone, as clients resume their TLS sessions with it.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IOpenSSLContextFactory, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from zope.interface import implementer

#: How many seconds what was read is good for.
INTERVAL = 60.0


def is_tls(description: str) -> bool:
    """Return whether a string describes an ``ssl:`` endpoint, or ``haproxy:`` around one."""
    return description.removeprefix("haproxy:").startswith("ssl:")


def endpoint_of(reactor: Any, description: str) -> IStreamServerEndpoint:
    """Return the endpoint that a string describes; raises whatever its parser does."""
    if is_tls(description):
        reactor = _Renewing(reactor, description)
    endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    return endpoint


class _Renewing:
    """A stand-in for a reactor, which listens with a `RenewedContext`."""

    def __init__(self, reactor: Any, description: str) -> None:
        self._reactor = reactor
        self._description = description

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenSSL(self, port: int, factory: Any, contextFactory: Any, **options: Any) -> Any:
        """Listen on the reactor."""
        context = RenewedContext(self._reactor, self._description, contextFactory)
        return self._reactor.listenSSL(port, factory, context, **options)


@implementer(IOpenSSLContextFactory)
class RenewedContext:
    """An `IOpenSSLContextFactory` that follows the files of an ``ssl:`` endpoint.

    ``options`` is the `CertificateOptions` that was made of them at the start.
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
            found.getContext()  # which fails if the key is another certificate's
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
    """A stand-in for a reactor, which listens nowhere and keeps what it was to listen with."""

    options: Any

    @classmethod
    def read(cls, description: str) -> Any:
        """Return the `CertificateOptions` of the files that a string names."""
        reader = cls()
        serverFromString(reader, description).listen(Factory())
        return reader.options

    def listenSSL(self, port: int, factory: Any, contextFactory: Any, **options: Any) -> None:
        self.options = contextFactory


def _fingerprints(options: Any) -> list[bytes]:
    chain = [options.certificate, *(options.extraCertChain or ())]
    return [certificate.digest("sha256") for certificate in chain]
