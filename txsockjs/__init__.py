"""txsockjs: the SockJS server for Twisted.

Subclass `SockJSConnection`, give it to a `SockJSRouter`, and put the router's resource into a
site, or let ``twistd sockjs`` do both. `SockJSRouter` is loaded when first used, because it
installs a reactor and the rest of the package does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .actors.connection import SockJSConnection
from .actors.info import ConnectionInfo
from .errors import Refused, SettingsError, SockJSError
from .settings import Settings

__all__ = [
    "ConnectionInfo",
    "Refused",
    "Settings",
    "SettingsError",
    "SockJSConnection",
    "SockJSError",
    "SockJSRouter",
    "__version__",
]

__version__ = "2.0.0"


if TYPE_CHECKING:
    from .router import SockJSRouter
else:

    def __getattr__(name: str) -> object:
        if name == "SockJSRouter":
            from .router import SockJSRouter  # noqa: PLC0415

            return SockJSRouter
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
