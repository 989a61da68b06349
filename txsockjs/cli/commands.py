"""The commands of ``python -m txsockjs``."""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import sys
from typing import Any, ClassVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.internet.task import react
from twisted.python import usage

from .check import CheckOptions
from .connect import ConnectOptions
from .publish import PublishOptions

# The code of shells for a command ended by Ctrl-C.
INTERRUPTED = 130


class Options(usage.Options):
    """The commands; each has a ``run`` that returns an exit code."""

    synopsis = "python -m txsockjs"
    subCommands: ClassVar[list[Any]] = [
        ["publish", None, PublishOptions, "Speak to a room of a cluster."],
        ["connect", None, ConnectOptions, "Connect to a server: lines in, messages out."],
        ["check", None, CheckOptions, "Try each transport of a server, and time it."],
    ]

    def postOptions(self) -> None:
        """Require a command."""
        if self.subCommand is None:
            names = ", ".join(command[0] for command in self.subCommands)
            raise usage.UsageError(f"wanted: one of {names}; a server is started by twistd sockjs")


def main() -> None:
    """Run a command line; an error in it is one line, and exit code 1."""
    options = Options()
    try:
        options.parseOptions()
    except usage.UsageError as error:
        sys.exit(f"txsockjs: {error}")
    react(lambda reactor: Deferred.fromCoroutine(_run(reactor, options.subOptions)))


async def _run(reactor: IReactorCore, options: Any) -> None:
    running: Deferred[int] = Deferred.fromCoroutine(options.run(reactor))
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = not running.called
        running.cancel()

    reactor.addSystemEventTrigger("before", "shutdown", interrupt)
    try:
        code = await running
    except CancelledError:
        code = INTERRUPTED
    # A cancelled command may end in its own way.
    raise SystemExit(INTERRUPTED if interrupted else code)
