"""The API of sockjs-tornado: replace ``sockjs.tornado`` with ``txsockjs.tornado`` in the imports.

The modules and names are those of its reference. `SockJSRouter` is loaded when first used, because
it installs a reactor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .conn import SockJSConnection

if TYPE_CHECKING:
    from .router import SockJSRouter

__all__ = ["SockJSConnection", "SockJSRouter"]


def __getattr__(name: str) -> Any:
    if name == "SockJSRouter":
        from .router import SockJSRouter  # noqa: PLC0415

        return SockJSRouter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
