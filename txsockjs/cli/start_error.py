"""`StartError`: why the process can't start, in one line."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys

from ..errors import SockJSError


class StartError(SockJSError, SystemExit):
    """The server can't start; uncaught, it ends the process with its one line, not a traceback."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message  # what Python prints when a SystemExit ends the process


def end_with(message: str) -> None:
    """Have the process end with a line on standard error and exit code 1, once the reactor stops.

    For what is wrong only when the reactor runs, where a `StartError` would be logged.
    """
    atexit.register(os._exit, 1)  # once twistd has tidied up, which would end with 0
    with contextlib.suppress(OSError):  # whoever would read it may have ended
        if sys.__stderr__ is not None:
            sys.__stderr__.write(f"sockjs: {message}\n")
