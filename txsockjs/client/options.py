"""`Options`: how a client connects, checked when they are made."""

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

    ``timeout`` is the least time a transport has to open; on slow networks it gets twice the round
    trip's time-out, as in sockjs-client. A server silent for ``heartbeat_timeout`` is taken for
    lost; None means never. ``send_limit`` is how much may wait to be sent, ``frame_limit`` the
    largest frame that is read.
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
    """Return the names of transports, in order; raise `SettingsError` for an unknown one.

    ``xhr`` is accepted, too, and so are names with hyphens, as in sockjs-client and in the URLs.
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
