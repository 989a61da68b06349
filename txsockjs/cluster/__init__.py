"""How nodes find and reach each other: buses, the relay of requests, and rooms across nodes.

`Publisher` sends to rooms from outside the nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["Publisher"]

if TYPE_CHECKING:
    from .publisher import Publisher
else:

    def __getattr__(name: str) -> object:
        if name == "Publisher":  # nodes without a broker need not import it
            from .publisher import Publisher  # noqa: PLC0415

            return Publisher
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
