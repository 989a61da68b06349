"""`Ports`: the endpoints that a service listens on, opened and closed together.

An endpoint that fails at once stops the start with `ListenError`, in one line without a traceback;
a later failure, or a cancellation by closing, is logged.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any, Union

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import ListenError, SettingsError
from .certificates import endpoint_of

Endpoint = Union[str, IStreamServerEndpoint]


class Ports:
    """Endpoints, and the `IListeningPort` of each open one; ``urls`` are their URLs.

    Raises `SettingsError` for a string that does not describe an endpoint.
    """

    _log = Logger()

    def __init__(self, reactor: Any, endpoints: list[Endpoint]) -> None:
        self.open_ports: list[IListeningPort] = []
        self.urls: list[str] = []
        self._reactor = reactor
        self._endpoints = [_described(reactor, endpoint) for endpoint in endpoints]
        self._listening: list[Deferred[Any]] = []
        self._error: ListenError | None = None
        self._paused = False

    def open(self, factory: IProtocolFactory) -> None:
        """Listen on all of them, or raise `ListenError` and listen on none."""
        for name, endpoint in self._endpoints:
            listening = endpoint.listen(factory)
            listening.addCallback(self._opened, endpoint)
            self._listening.append(listening.addErrback(self._failed, name))
            if self._error is not None:
                self.close()
                raise self._error

    def pause(self) -> None:
        """Accept nothing until `resume`, where a port can be paused."""
        self._paused = True
        for port in self.open_ports:
            self._set_reading(port)

    def resume(self) -> None:
        """Accept connections again, beginning with those that wait."""
        self._paused = False
        for port in self.open_ports:
            self._set_reading(port)

    def _set_reading(self, port: IListeningPort) -> None:
        change = getattr(port, "stopReading" if self._paused else "startReading", None)
        if change is not None:
            change()

    def close(self) -> list[Deferred[Any]]:
        """Accept no more connections; each Deferred fires when one port is closed."""
        for listening in self._listening:
            listening.cancel()
        closing, self.open_ports = self.open_ports, []
        return [maybeDeferred(port.stopListening) for port in closing]

    def _opened(self, port: IListeningPort, endpoint: IStreamServerEndpoint) -> None:
        self.open_ports.append(port)
        if self._paused:  # opened late
            self._set_reading(port)
        scheme = "https" if isinstance(endpoint, SSL4ServerEndpoint) else "http"
        url = url_of(scheme, port.getHost())
        self.urls.append(url)
        # Nothing is accepted before the reactor runs.
        self._reactor.callWhenRunning(self._log.info, "listening on {url}", url=url)

    def _failed(self, failure: Failure, name: str) -> None:
        if not failure.check(CancelledError):
            self._error = ListenError(f"cannot listen on {name}: {why(failure.value)}")
            self._log.critical("{error}", error=self._error)


def _described(reactor: Any, endpoint: Endpoint) -> tuple[str, IStreamServerEndpoint]:
    """Return the endpoint's name for messages, and the endpoint."""
    if not isinstance(endpoint, str):
        return repr(endpoint), endpoint
    try:
        return endpoint, endpoint_of(reactor, endpoint)
    except Exception as error:  # parsers, plugins included, may raise anything
        problem = what_is_wrong(endpoint, error)
        raise SettingsError(f"cannot listen on {endpoint!r}: {problem}") from error


def what_is_wrong(description: str, error: Exception) -> str:
    """Say in one line why a string does not describe a server's or a client's endpoint."""
    if description.startswith(("ssl:", "tls:")) and find_spec("OpenSSL") is None:
        return "TLS needs pyOpenSSL, which comes with pip install 'twisted[tls]'"
    if description.isdigit():
        return f"did you mean tcp:{description}?"
    return why(error)


def why(error: BaseException | None) -> str:
    """Return the reason in words, without the addresses and numbers that Twisted and the OS add."""
    cause = getattr(error, "socketError", error)
    return getattr(cause, "strerror", None) or " ".join(str(cause).split())


def url_of(scheme: str, address: object) -> str:
    """Return the URL for one of Twisted's addresses, for logs."""
    if isinstance(address, IPv6Address):
        return f"{scheme}://[{address.host}]:{address.port}"
    if isinstance(address, IPv4Address):
        return f"{scheme}://{address.host}:{address.port}"
    if isinstance(address, UNIXAddress):
        return f"unix:{os.fsdecode(address.name or b'')}"
    return str(address)
