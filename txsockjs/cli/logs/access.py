"""`AccessLog`: writes a line for each session, at its end.

A text line has its fields in the order of `FIELDS`, separated by spaces, with ``-`` for an empty
one; text that a client may have chosen is quoted, as a JSON string. A JSON line is an object with
these names, and with ``worker`` if there are several.

Rules: no matter what a client chose, its session is one line, of at most 4,000 bytes.
"""

from __future__ import annotations

import json
import re
import sys
import time
from typing import Any, Callable

from twisted.internet.interfaces import IReactorTime

from ..plan import Plan
from ..start_error import StartError
from .json_lines import utc
from .line_file import LineFile

#: ``duration`` is in seconds; bytes are those of messages, as the statistics count them.
FIELDS = (
    *("time", "address", "mount", "transport", "origin", "duration"),
    *("messages_in", "messages_out", "bytes_in", "bytes_out"),
    *("cause", "code", "reason", "id"),
)
_QUOTED = ("origin", "reason", "id")

# How many characters of a text are kept, and of one that may take twelve bytes per character.
_LONGEST, _LONGEST_ESCAPED = 256, 80
_PLAIN = re.compile(r"[!#-\[\]-~]+")


class AccessLog:
    """The access log of a process; ``path`` is None for the standard output, ``output``.

    ``worker`` is the number of the process among others that write to the same file.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        path: str | None,
        as_json: bool = False,
        worker: int | None = None,
        output: int = 1,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.file = LineFile(reactor, path, output)
        self._path = path
        self._reactor = reactor
        self._line = _json_line if as_json else _text_line
        self._worker = worker
        self._now = now

    @classmethod
    def of(
        cls, plan: Plan, reactor: IReactorTime, worker: int | None = None, output: int = 1
    ) -> AccessLog | None:
        """Return the access log of a plan, or None if it has none."""
        if plan.access_log is None:
            return None
        path = None if plan.access_log == "-" else plan.access_log
        return cls(reactor, path, plan.log_format == "json", worker, output)

    @classmethod
    def check(cls, plan: Plan, reactor: IReactorTime) -> None:
        """Raise `StartError` if the access log of a plan can't be opened."""
        log = cls.of(plan, reactor)
        if log is not None:
            log.open()
            log.file.close()

    def open(self) -> None:
        """Open the file; raise `StartError`, except in a worker, whose parent has tried before."""
        if self._worker is not None:
            self.file.reopen()
            return
        try:
            self.file.open()
        except OSError as error:
            sys.stderr = sys.__stderr__  # twistd has redirected it to the log
            where = self._path or "the standard output"
            words = f"cannot write the access log to {where}: {error.strerror}"
            raise StartError(f"sockjs: {words}") from error

    def ended(self, session: Any) -> None:
        """Write the line of a session; an observer in a router's ``end_observers``."""
        code, reason = session.close_reason
        values = {
            "time": utc(self._now()),
            "address": session.info.ip,
            "mount": session.server.prefix or "/",
            "transport": session.transport,
            "origin": session.info.origin and _cut(session.info.origin),
            "duration": round(self._reactor.seconds() - session.began, 3),
            "messages_in": session.messages_in,
            "messages_out": session.messages_out,
            "bytes_in": session.bytes_in,
            "bytes_out": session.bytes_out,
            "cause": session.cause,
            "code": code,
            "reason": _cut(reason),
            "id": _cut(session.session_id),
        }
        if self._worker is not None:
            values["worker"] = self._worker
        self.file.append(self._line(values).encode("ascii") + b"\n")


def _json_line(values: dict[str, object]) -> str:
    return json.dumps(values)


def _text_line(values: dict[str, object]) -> str:
    return " ".join([_word(values[name], name in _QUOTED) for name in FIELDS])


def _word(value: object, quoted: bool) -> str:
    if value in (None, ""):
        return "-"
    text = str(value)
    return text if not quoted and _PLAIN.fullmatch(text) else json.dumps(text)


def _cut(text: str) -> str:
    """Cut a text that a client chose."""
    if len(text) > _LONGEST_ESCAPED and not (text.isascii() and text.isprintable()):
        return f"{text[:_LONGEST_ESCAPED]}..."
    return f"{text[:_LONGEST]}..." if len(text) > _LONGEST else text
