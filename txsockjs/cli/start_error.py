"""`StartError`: why the process can't start, in one line."""

from __future__ import annotations

from ..errors import SockJSError


class StartError(SockJSError, SystemExit):
    """The server can't start; uncaught, it ends the process with its one line, not a traceback."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message  # what Python prints when a SystemExit ends the process
