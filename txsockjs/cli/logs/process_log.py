"""`ProcessLog`: the log of ``twistd``, in the requested format.

Rules: twistd chooses the file and still rotates it by itself, at 1 MB and at USR1. A file that was
moved is left alone, and a new one opened in its place. ``--logger`` and ``--syslog`` of twistd, and
the log file of ``twist``, are not changed.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.logger import ILogObserver, Logger
from twisted.python import logfile, threadable

from .json_lines import OBSERVERS

_log = Logger()


class LogFile(logfile.LogFile):
    """Twisted's log file; when it is to be rotated and was moved, it is reopened instead."""

    synchronized = ["rotate"]  # as in Twisted

    def __init__(self, name: str, directory: str) -> None:
        super().__init__(name, directory)
        self._status = os.stat(self.path)

    @property
    def is_here(self) -> bool:
        """Whether its path leads to the open file."""
        try:
            return os.path.samestat(os.stat(self.path), self._status)
        except OSError:
            return False

    def rotate(self) -> None:
        """Go on with a new file, or with the present one if no other can be opened."""
        if self.is_here:
            super().rotate()
        elif os.access(self.path if os.path.exists(self.path) else self.directory, os.W_OK):
            self.reopen()
        else:
            return
        self._status = os.stat(self.path)


threadable.synchronize(LogFile)


class ProcessLog:
    """The log of this process under twistd, made when twistd calls this; ``file`` may be None."""

    def __init__(self) -> None:
        self.file: LogFile | None = None
        self._format = "text"
        self._path = ""
        self._in_foreground = False

    def take_over(self, command: Any, log_format: str | None) -> None:
        """Make this the log of the process; ``command`` is the options of twistd or twist.

        ``log_format`` is one of `OBSERVERS`, or None for the command's default.
        """
        if "fileLogObserverFactory" in command:  # twist has opened its log file already
            if log_format is not None:
                command["fileLogObserverFactory"] = OBSERVERS[log_format]
        elif not command.get("logger") and not command.get("syslog"):
            self._format = log_format or "text"
            self._path = command.get("logfile") or ""
            self._in_foreground = is_in_foreground(command)
            command["logger"] = f"{__name__}.PROCESS_LOG"  # twistd looks it up later

    def __call__(self) -> ILogObserver:
        """Return the observer, as twistd would make it for a text log."""
        if self._path == "-" and not self._in_foreground:
            sys.exit("sockjs: --logfile - needs twistd -n, as a daemon has no standard output")
        if self._path == "-" or (self._in_foreground and not self._path):
            return OBSERVERS[self._format](sys.stdout)
        self.file = LogFile.fromFullPath(self._path or "twistd.log")
        return OBSERVERS[self._format](self.file)

    def rotate(self) -> None:
        """Go on with a new file, if the log is a file."""
        if self.file is None:
            return
        self.file.rotate()
        if not self.file.is_here:
            _log.error("{path} can't be opened, what was open is gone on with", path=self.file.path)


def is_in_foreground(command: Any) -> bool:
    """Return whether a command with these options stays in the foreground."""
    return bool(command.get("nodaemon", True) or command.get("debug", False))


#: The log that twistd is given by name.
PROCESS_LOG = ProcessLog()
