"""How nodes find and reach each other: buses, the relay of requests, and rooms over nodes.

`Publisher` speaks to rooms from outside of the nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["Publisher"]

if TYPE_CHECKING:
    from .publisher import Publisher
else:

    def __getattr__(name: str) -> object:
        if name == "Publisher":  # what nodes without a broker need not load
            from .publisher import Publisher  # noqa: PLC0415

            return Publisher
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
