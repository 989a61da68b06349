"""The reactor to use where sockjs-tornado takes Tornado's loop."""

from __future__ import annotations

from typing import Any


def reactor_of(io_loop: Any) -> Any:
    """Return ``io_loop`` if it is a reactor or a `Clock`, else the global reactor.

    So a program that passes Tornado's loop still runs: under Twisted's asyncio reactor the reactor
    and Tornado's loop are the same.
    """
    if callable(getattr(io_loop, "callLater", None)):
        return io_loop
    from twisted.internet import reactor  # noqa: PLC0415

    return reactor
