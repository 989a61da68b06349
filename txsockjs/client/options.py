"""`Options`: how a client connects, checked when it is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import SettingsError
from ..settings import MIB

WEBSOCKET = "websocket"
XHR_STREAMING = "xhr_streaming"
XHR_POLLING = "xhr_polling"
EVENTSOURCE = "eventsource"

#: In the order of sockjs-client.
TRANSPORTS = (WEBSOCKET, XHR_STREAMING, EVENTSOURCE, XHR_POLLING)


@dataclass(frozen=True)
class Options:
    """Times in seconds, sizes in bytes.

    ``timeout`` is the least time that a transport has to open; on slow networks it has twice the
    round trip's time-out, as in sockjs-client. ``heartbeat_timeout`` is how long a server may be
    silent before it is taken for lost; None is for ever. ``send_limit`` is how much may wait to be
    sent, ``frame_limit`` the largest frame that is read.
    """

    transports: tuple[str, ...] = TRANSPORTS
    timeout: float = 2.0
    heartbeat_timeout: float | None = 60.0
    send_limit: int = 8 * MIB
    frame_limit: int = 64 * MIB

    def __post_init__(self) -> None:
        for name in ("timeout", "heartbeat_timeout", "send_limit", "frame_limit"):
            value = getattr(self, name)
            if value is None and name == "heartbeat_timeout":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise SettingsError(f"{name} must be > 0, not {value!r}")


def checked_transports(names: str | Iterable[str]) -> tuple[str, ...]:
    """Return names of transports, in order; raise `SettingsError` for one that is unknown.

    ``xhr`` and names with hyphens, as sockjs-client and the URLs have them, are known, too.
    """
    if isinstance(names, str):
        names = names.split(",")
    found: list[str] = []
    for name in names:
        known = name.strip().replace("-", "_")
        known = XHR_POLLING if known == "xhr" else known
        if known not in TRANSPORTS:
            raise SettingsError(
                f"transports must be of {', '.join(TRANSPORTS)}, not {name.strip()!r}"
            )
        if known not in found:
            found.append(known)
    if not found:
        raise SettingsError("transports must name at least one")
    return tuple(found)
