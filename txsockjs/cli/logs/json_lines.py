"""The log as lines of JSON: `json_observer`, in place of Twisted's `textFileLogObserver`.

A line is an object with ``time`` (ISO 8601, UTC), ``level``, ``namespace`` and ``text``. It also
has ``failure``, a traceback, for an exception, and ``worker``, a number, if a worker logged it.

Rules: each event is one line, whatever its text; everything except ASCII is escaped.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import Any, Callable, TextIO

from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    textFileLogObserver,
)

# The format in which a parent logs an event of its worker.
_OF_WORKER = "[worker {worker}] {text}{traceback}"


def read_event(event: LogEvent) -> dict[str, Any]:
    """Return the fields of an event's line; ``time`` is in seconds since 1970."""
    said: dict[str, Any] = {
        "time": event.get("log_time") or time.time(),
        "level": getattr(event.get("log_level"), "name", "info"),
        "namespace": str(event.get("log_namespace") or "-"),
    }
    if event.get("log_format") is _OF_WORKER:
        said.update(text=event["text"], worker=event["worker"])
        if event["traceback"]:
            said["failure"] = event["traceback"].strip()
    else:
        said["text"] = formatEvent(event) or ""
        if event.get("log_failure") is not None:
            said["failure"] = _traceback(event["log_failure"])
    return said


def event_of_worker(number: int, said: dict[str, Any]) -> LogEvent:
    """Return the parent's event for a worker's, given as the fields of `read_event`.

    Raises something for anything else.
    """
    failure = said.get("failure")
    return {
        "log_time": float(said["time"]),
        "log_level": LogLevel.lookupByName(said["level"]),
        "log_namespace": str(said["namespace"]),
        "log_format": _OF_WORKER,
        "worker": number,
        "text": str(said["text"]),
        "traceback": f"\n{failure}" if failure else "",
    }


def json_line(event: LogEvent) -> str:
    """Return the line of an event, with a newline."""
    said = read_event(event)
    said["time"] = utc(said["time"])
    return json.dumps(said) + "\n"


def json_observer(file: TextIO) -> ILogObserver:
    """Return an observer that writes lines of JSON to a file."""
    return FileLogObserver(file, json_line)


#: The functions that make a file's observer, by the name of the format.
OBSERVERS: dict[str, Callable[[Any], ILogObserver]] = {
    "text": textFileLogObserver,
    "json": json_observer,
}


def utc(seconds: float) -> str:
    """Return a time since 1970 in ISO 8601, to the millisecond."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _traceback(failure: Any) -> str:
    try:
        return str(failure.getTraceback()).strip()
    except Exception as error:  # noqa: BLE001  # an exception may not like to be printed
        return f"no traceback, as printing it raised {type(error).__name__}"
