"""``broadcast(data, transports)``, where txsockjs 1.x had it."""

from __future__ import annotations

from .transport import broadcast

__all__ = ["broadcast"]
