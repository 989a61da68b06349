"""`ClientLimits`: how many sessions one client may have, and how often it may open one.

Rules: a client is an IPv4 address or an IPv6 network of 64 bits, as trusted proxies report it. A
session counts from when it is made until it is over. Memory is bounded, no matter who connects.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from functools import lru_cache
from typing import Callable

from ..actors.bucket import Bucket
from ..errors import TooManyOpens, TooManySessions
from ..settings import Settings
from .addresses import client_address, parse_address
from .exchange import Exchange

#: How many clients that opened a session recently are remembered.
MOST_CLIENTS = 65_536
# How many of them one sweep checks: a few ms.
_SWEEP = 4096


class ClientLimits:
    """The counts of one router's clients; ``clock`` is in seconds."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._sessions = _Count()
        self._away = _Count()  # sessions without a connection here, not counted in the others
        # The bucket of each client that opened a session within the time that fills it, and perhaps
        # of some more, in the order of their last session. A plain dict finds its first key slowly
        # after many deletions: 0.2 s in one sweep of a full table.
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def check(self, exchange: Exchange) -> None:
        """Raise `TooManySessions` or `TooManyOpens` if the client may not open a session now."""
        settings = self._settings
        client = self._client(client_address(exchange, settings))
        most = settings.max_sessions_per_ip
        if most is not None and self._sessions.get(client, 0) >= most:
            # By then, the sessions that it left without closing are over.
            raise TooManySessions(client, settings.disconnect_delay)
        bucket = self._buckets.get(client)
        if bucket is not None:
            wait = bucket.wait(self._clock())
            if wait:
                raise TooManyOpens(client, wait)

    def opened(self, session_id: str, ip: str) -> None:
        """Count a session of the client at this address."""
        client = self._client(ip)
        if not client:
            return
        if self._settings.max_sessions_per_ip is not None:
            self._sessions.note(session_id, client)
        rate = self._settings.open_rate_per_ip
        if rate is not None:
            now = self._clock()
            bucket = self._buckets.pop(client, None) or Bucket(rate, now)
            bucket.take(now)
            if len(self._buckets) >= MOST_CLIENTS:
                # A client with so many addresses gains nothing if one of them is forgotten.
                self._buckets.popitem(last=False)
            self._buckets[client] = bucket

    def check_away(self, ip: str) -> None:
        """Raise `TooManySessions` if a client has too many sessions, those away included.

        Sessions that are away do not block connections: otherwise no client could come back to
        them.
        """
        most = self._settings.max_sessions_per_ip
        client = self._client(ip)
        if most is not None and self._sessions.get(client, 0) + self._away.get(client, 0) > most:
            raise TooManySessions(client, self._settings.disconnect_delay)

    def left(self, session_id: str, ip: str) -> None:
        """Count a session that goes on while its client is away."""
        client = self._client(ip)
        if client and self._settings.max_sessions_per_ip is not None:
            self._away.note(session_id, client)

    def ended(self, session_id: str) -> None:
        """Count the end of a session, or of its being away; does nothing a second time."""
        self._sessions.forget(session_id)
        self._away.forget(session_id)

    def sweep(self) -> None:
        """Forget the clients that may open as many sessions as an unknown one."""
        now = self._clock()
        for _ in range(min(_SWEEP, len(self._buckets))):
            client = next(iter(self._buckets))
            if not self._buckets[client].is_full(now):
                break
            del self._buckets[client]

    def _client(self, ip: str) -> str:
        """Return the client of an address, or an empty string if that is not counted.

        The peer of a UNIX socket has no address. If proxies are trusted, that peer is a proxy: all
        clients whose address it does not report, or reports differently in two headers, count as
        one.
        """
        if not ip:
            return "unknown" if self._settings.trusted_proxies else ""
        return _network(ip)


class _Count(dict[str, int]):
    """How many sessions each client has; ``clients`` maps each session's id to its client."""

    def __init__(self) -> None:
        super().__init__()
        self.clients: dict[str, str] = {}

    def note(self, session_id: str, client: str) -> None:
        """Count a session."""
        self.forget(session_id)
        self.clients[session_id] = client
        self[client] = self.get(client, 0) + 1

    def forget(self, session_id: str) -> None:
        """Stop counting a session; does nothing if it was not counted."""
        client = self.clients.pop(session_id, None)
        if client is not None:
            left = self[client] - 1
            if left:
                self[client] = left
            else:
                del self[client]


@lru_cache(maxsize=1024)
def _network(ip: str) -> str:
    address = parse_address(ip)
    if address is None or isinstance(address, ipaddress.IPv4Address):
        return ip if address is None else str(address)
    # A provider gives each customer a network of at least 64 bits, to use as it likes.
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
