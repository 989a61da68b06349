"""The listening sockets of workers: bound by the parent, adopted by each worker.

Rules: each worker has its own socket for each TCP endpoint, so that the system spreads connections
evenly (``SO_REUSEPORT``). The parent keeps all of them open, so that queued connections outlive a
worker. Sockets that can be bound only once are shared. Twisted parses endpoint strings; this module
only has stand-ins for the reactor that they bind with.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import Any

from twisted.internet import unix
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, execute
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.protocols.haproxy import proxyEndpoint
from zope.interface import implementer

from ...errors import ListenError, SettingsError
from ...server.certificates import endpoint_of
from ...server.ports import url_of, what_is_wrong, why

# How many connections may wait while no worker accepts, such as while one is replaced; the system
# may have its own limit.
_BACKLOG = 1024
_KINDS = ("tcp", "tcp6", "ssl", "unix", "systemd")
#: Whether the system spreads connections over the sockets of one port.
SPREADS = sys.platform.startswith("linux") and hasattr(socket, "SO_REUSEPORT")


def check(endpoint: str) -> None:
    """Raise `SettingsError` unless workers can listen on an endpoint."""
    kind = endpoint.removeprefix("haproxy:").partition(":")[0]
    if kind not in _KINDS and not kind.isdigit():
        raise SettingsError(
            f"workers can listen on {', '.join(f'{each}:' for each in _KINDS)} and haproxy: "
            f"around them, not on {endpoint!r}"
        )


class Sockets:
    """The sockets of one endpoint: one for each of ``count`` workers, or a shared one."""

    def __init__(self, endpoint: str, count: int) -> None:
        self.endpoint = endpoint
        self.sockets: list[socket.socket] = []
        self._count = count
        self._path: tuple[str, os.stat_result] | None = None  # of a file made here

    @property
    def is_shared(self) -> bool:
        """Whether all workers accept from one socket, which spreads connections unevenly."""
        return len(self.sockets) < self._count

    @property
    def url(self) -> str:
        """The URL where it listens."""
        name: Any = self.sockets[0].getsockname()
        if not isinstance(name, tuple):
            return url_of("unix", UNIXAddress(name))
        kind = self.endpoint.removeprefix("haproxy:").partition(":")[0]
        address = (IPv6Address if len(name) > 2 else IPv4Address)("TCP", *name[:2])
        return url_of("https" if kind == "ssl" else "http", address)

    def bind(self) -> None:
        """Bind and listen; raise `ListenError`."""
        try:
            listening: Deferred[object] = serverFromString(self, self.endpoint).listen(Factory())
        except Exception as error:  # parsers may raise anything
            problem = what_is_wrong(self.endpoint, error)
            raise SettingsError(f"cannot listen on {self.endpoint!r}: {problem}") from error
        failures: list[Any] = []
        listening.addErrback(failures.append)
        for failure in failures:
            raise ListenError(f"cannot listen on {self.endpoint}: {why(failure.value)}")

    def of_workers(self) -> list[int]:
        """Return the descriptor of each worker's socket."""
        return [self.sockets[0 if self.is_shared else n].fileno() for n in range(self._count)]

    def close(self) -> None:
        """Accept nothing any more."""
        for each in self.sockets:
            each.close()
        if self._path is not None:
            path, made = self._path
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(path), made):
                    os.unlink(path)

    # -- the methods of a reactor that endpoints use

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> None:
        """Bind a port once for each worker."""
        try:
            # First without sharing: otherwise the port could be shared with another server.
            alone = _bound(interface, port, reuse=False)
            if not SPREADS:
                alone.listen(max(backlog, _BACKLOG))
                self.sockets.append(alone)
                return
            port = alone.getsockname()[1]  # the real port, if 0 was given
            alone.close()
            for _ in range(self._count):
                self.sockets.append(_bound(interface, port, reuse=True))
            for each in self.sockets:
                each.listen(max(backlog, _BACKLOG))
        except OSError as error:
            raise CannotListenError(interface, port, error) from error

    def listenSSL(
        self,
        port: int,
        factory: IProtocolFactory,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> None:
        """Bind a port; the workers read the keys."""
        self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(
        self,
        address: str,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> None:
        """Bind a UNIX socket, replacing one that nobody listens on."""
        each = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sockets.append(each)
        try:
            _unlink_stale(address)
            each.bind(address)
            if address[:1] != "\0":  # abstract names have no file
                os.chmod(address, mode)
                self._path = address, os.stat(address)
            each.listen(backlog)
        except OSError as error:
            raise CannotListenError(None, address, error) from error

    def adoptStreamPort(self, descriptor: int, family: int, factory: IProtocolFactory) -> None:
        """Keep a socket that systemd bound."""
        self.sockets.append(socket.socket(fileno=os.dup(descriptor)))


def _bound(interface: str, port: int, reuse: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    each = socket.socket(family, socket.SOCK_STREAM)
    try:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        each.bind((interface, port))
        if not reuse:
            each.listen(1)  # binding alone would not show that another process listens
    except OSError:
        each.close()
        raise
    return each


def _unlink_stale(address: str) -> None:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.connect(address)
    except ConnectionRefusedError:
        os.unlink(address)
    except OSError:
        pass  # there is no file, or binding will show the error
    finally:
        probe.close()


class Adopter:
    """A stand-in for the reactor: listens on a bound socket instead of binding one."""

    def __init__(self, reactor: Any, descriptor: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor

    def __getattr__(self, name: str) -> object:
        return getattr(self._reactor, name)

    def listenTCP(self, where: object, factory: IProtocolFactory, **options: object) -> object:
        """Listen on the socket, ignoring the endpoint's address: the parent has bound it."""
        copy = socket.socket(fileno=os.dup(self._descriptor))
        try:
            copy.setblocking(False)
            if copy.family == socket.AF_UNIX:
                return _SharedPort.adopt(self._reactor, copy.fileno(), factory)
            return self._reactor.adoptStreamPort(copy.fileno(), copy.family, factory)
        finally:
            copy.close()

    listenUNIX = listenTCP

    def listenSSL(
        self, where: object, factory: IProtocolFactory, contextFactory: Any, **options: object
    ) -> object:
        """Listen on the socket, with TLS."""
        from twisted.protocols.tls import TLSMemoryBIOFactory  # noqa: PLC0415  # needs pyOpenSSL

        return self.listenTCP(where, TLSMemoryBIOFactory(contextFactory, False, factory))


class _SharedPort(unix.Port):
    """A port on a UNIX socket whose file belongs to the process that bound it."""

    # Shutting down would end the socket for all its processes; Twisted does the same for TCP.
    _shouldShutdown = False

    @classmethod
    def adopt(cls, reactor: Any, descriptor: int, factory: IProtocolFactory) -> _SharedPort:
        """Listen on a socket, as a reactor's ``adoptStreamPort`` does."""
        port: _SharedPort = cls._fromListeningDescriptor(reactor, descriptor, factory)
        port.startListening()
        return port

    def _buildAddr(self, name: Any) -> UNIXAddress:
        # Twisted's port would give all users access to the file, and remove it at the end. It
        # leaves alone names in Linux's abstract namespace, which begin like this.
        return UNIXAddress(b"\0" + os.fsencode(name))


@implementer(IStreamServerEndpoint)
class AdoptedEndpoint:
    """An `IStreamServerEndpoint` over a bound socket."""

    def __init__(self, reactor: Any, endpoint: str, descriptor: int) -> None:
        self._endpoint = endpoint
        self._adopter = Adopter(reactor, descriptor)

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """Listen."""
        kind, _, rest = self._endpoint.partition(":")
        if (rest if kind == "haproxy" else kind).startswith("systemd"):
            # Only the parent knows which descriptor systemd passed.
            endpoint: Any = _Whatever(self._adopter)
            endpoint = proxyEndpoint(endpoint) if kind == "haproxy" else endpoint
        else:
            endpoint = endpoint_of(self._adopter, self._endpoint)
        listening: Deferred[object] = endpoint.listen(protocolFactory)
        return listening


@implementer(IStreamServerEndpoint)
class _Whatever:
    """The endpoint of a socket of any kind."""

    def __init__(self, adopter: Adopter) -> None:
        self._adopter = adopter

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        return execute(self._adopter.listenTCP, 0, protocolFactory)
