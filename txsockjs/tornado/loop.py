"""What stands where sockjs-tornado takes Tornado's loop: Twisted's reactor."""

from __future__ import annotations

from typing import Any


def reactor_of(io_loop: Any) -> Any:
    """Return ``io_loop`` if it is a reactor or a `Clock`, else the global reactor.

    So a program that passes Tornado's loop along runs: under Twisted's asyncio reactor that one and
    Tornado's loop are the same.
    """
    if callable(getattr(io_loop, "callLater", None)):
        return io_loop
    from twisted.internet import reactor  # noqa: PLC0415

    return reactor
