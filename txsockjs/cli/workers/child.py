"""`Child`: the process of one worker, as its parent sees it.

Rules: its log entries are logged with its number, and so is each line of its standard output and
standard error. The last line of standard error says why it ended.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from typing import Any, Protocol

from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...cluster.directory import Directory
from ..logs.json_lines import event_of_worker
from .sockets import Sockets

_log = Logger()
# How many bytes of an incomplete line are kept.
_LONGEST_LINE = 1024 * 1024
# The descriptors of the child: standard output and error, the stream to the parent, the log, and
# the parent's own standard output.
_OUTPUT, _ERRORS, _CONTROL, _EVENTS, _OF_PARENT = 1, 2, 3, 4, 5
_NAMES = {_OUTPUT: "stdout", _ERRORS: "stderr", _EVENTS: "-"}


class Parent(Protocol):
    """What a child needs from its parent."""

    def ready(self, child: Child) -> None:
        """Note that a worker serves."""

    def answered(self, child: Child, table: dict[str, object]) -> None:
        """Take the answer to a question."""

    def ended(self, child: Child, why: str) -> None:
        """Note that its process ended."""


class Child(ProcessProtocol):
    """A worker's process."""

    transport: Any

    def __init__(self, number: int, parent: Parent, directory: Directory, reactor: Any) -> None:
        self.number = number
        self.is_ready = False
        self.was_ready = False
        self.was_told_to_stop = False
        self._parent = parent
        self._reactor = reactor
        self._began = reactor.seconds()
        self._member = directory.member(self._told)
        self._lines = {_OUTPUT: b"", _ERRORS: b"", _EVENTS: b""}
        self._last_words = ""

    @property
    def age(self) -> float:
        """How many seconds it has been alive."""
        return float(self._reactor.seconds() - self._began)

    @property
    def pid(self) -> int | None:
        """The process id."""
        pid: int | None = self.transport.pid
        return pid

    def start(
        self, arguments: list[str], reactor_name: str | None, folder: str, sockets: list[Sockets]
    ) -> None:
        """Start the process."""
        ours, theirs = socket.socketpair()
        descriptors = {0: 0, _OUTPUT: "r", _ERRORS: "r", _EVENTS: "r"}
        descriptors.update({_CONTROL: theirs.fileno(), _OF_PARENT: 1})
        table = []
        for each in sockets:
            inherited: dict[int, int] = {}
            for one in each.sockets:
                inherited[one.fileno()] = len(descriptors)
                descriptors[len(descriptors)] = one.fileno()
            table.append((each.endpoint, [inherited[fd] for fd in each.of_workers()]))
        spec = {
            "arguments": arguments,
            "reactor": reactor_name,
            "number": self.number,
            "control": _CONTROL,
            "events": _EVENTS,
            "output": _OF_PARENT,
            "sockets": table,
            "folder": folder,
        }
        command = [sys.executable, "-m", "txsockjs.cli.workers.worker", json.dumps(spec)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        factory = Factory.forProtocol(lambda: self._member)
        factory.noisy = False
        self._reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, factory)
        ours.close()
        self._reactor.spawnProcess(self, sys.executable, command, environment, childFDs=descriptors)
        theirs.close()

    @property
    def hears(self) -> bool:
        """Whether messages can be sent to it now."""
        return bool(self._member.connected)

    def say(self, **table: object) -> None:
        """Send the worker a table."""
        self._member.say(**table)

    def stop(self) -> None:
        """End it in an orderly way."""
        if not self.was_told_to_stop:
            self.was_told_to_stop = True
            self._signal("TERM")

    def retire(self) -> None:
        """End it in an orderly way, while its successor accepts connections."""
        if not self.was_ready:
            self.kill()  # it serves no clients yet
        elif not self.was_told_to_stop:
            self.was_told_to_stop = True
            self.is_ready = False
            self.say(retire=True)

    def kill(self) -> None:
        """End it at once."""
        self.was_told_to_stop = True
        self._signal("KILL")

    def _signal(self, name: str) -> None:
        self.is_ready = False
        with contextlib.suppress(ProcessExitedAlready):  # then `processEnded` follows
            self.transport.signalProcess(name)

    def _told(self, table: dict[str, object]) -> None:
        if table.get("do") == "ready":
            self.is_ready = self.was_ready = True
            self._parent.ready(self)
        elif table.get("do") == "answer":
            self._parent.answered(self, table)

    # -- told by the process

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Log whole lines."""
        *lines, rest = (self._lines[childFD] + data).split(b"\n")
        self._lines[childFD] = rest[-_LONGEST_LINE:]
        for line in lines:
            self._log(childFD, line.decode("utf-8", "replace"))

    def _log(self, descriptor: int, line: str) -> None:
        if descriptor == _EVENTS:
            with contextlib.suppress(Exception):  # a cut line may look like anything
                _log.observer(event_of_worker(self.number, json.loads(line)))
                return
        elif descriptor == _ERRORS and line.strip():
            self._last_words = line
        said = {
            "time": time.time(),
            "level": "info",
            "namespace": _NAMES[descriptor],
            "text": line,
        }
        _log.observer(event_of_worker(self.number, said))

    def processEnded(self, reason: Failure) -> None:
        """Tell the parent."""
        self.is_ready = False
        for descriptor, rest in self._lines.items():
            if rest:
                self._log(descriptor, rest.decode("utf-8", "replace"))
        why = "it was done" if reason.check(ProcessDone) else _in_words(reason.value)
        if not self.was_ready and self._last_words:
            why = self._last_words
        self._parent.ended(self, why)


def _in_words(error: Any) -> str:
    if error.signal is not None:
        return f"signal {error.signal}"
    return f"exit code {error.exitCode}"
