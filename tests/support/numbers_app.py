"""What the script for pages is tested with: applications that hear whether anything is missing."""

from __future__ import annotations

import os
from typing import Any

from txsockjs import SockJSConnection
from txsockjs.resume import ResumableConnection


class Numbers(ResumableConnection):
    """Send back each message, a name and the next number, or end at another one.

    The first message may have any name. At ``end`` it tells how many it got.
    """

    name = ""
    received = 0

    def on_message(self, message: Any) -> None:
        if message == "end":
            self.close(4001, f"{self.received} in order")
            return
        if message == "process":
            self.send(f"process {os.getpid()}")
            return
        self.name = self.name or message.split()[0]
        expected = f"{self.name} {self.received}"
        if message != expected:
            self.close(4000, f"got {message}, wanted {expected}")
            return
        self.received += 1
        self.send(message)


class Echo(SockJSConnection):
    """Send back each message; end at ``end``."""

    def on_message(self, message: Any) -> None:
        if message == "end":
            self.close(4001, "as asked")
        else:
            self.send(message)


QUICK = {"heartbeat_delay": 0.5, "disconnect_delay": 2, "session_check_interval": 0.1}
MOUNTS: dict[str, tuple[type[SockJSConnection], dict[str, Any]]] = {
    "numbers": (Numbers, QUICK),
    "echo": (Echo, QUICK),
}
