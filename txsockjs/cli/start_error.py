"""`StartError`: why the process can't start, in one line."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys

from ..errors import SockJSError


class StartError(SockJSError, SystemExit):
    """The server can't start; uncaught, this ends the process with one line, not a traceback."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message  # printed by Python when a SystemExit ends the process


def end_with(message: str) -> None:
    """End the process with a line on standard error and exit code 1, once the reactor stops.

    For errors after the reactor has started, when a `StartError` would only be logged.
    """
    atexit.register(os._exit, 1)  # after twistd has tidied up; otherwise the code would be 0
    with contextlib.suppress(OSError):  # the reader of standard error may be gone
        if sys.__stderr__ is not None:
            sys.__stderr__.write(f"sockjs: {message}\n")
