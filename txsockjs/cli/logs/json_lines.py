"""The log as lines of JSON: `json_observer`, in place of Twisted's `textFileLogObserver`.

A line is an object with ``time`` (ISO 8601, UTC), ``level``, ``namespace`` and ``text``; with
``failure``, a traceback, where something was raised, and ``worker``, a number, where a worker
logged it.

Rules: an event is a line, whatever its text holds; all but ASCII is escaped.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import Any, Callable

from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    textFileLogObserver,
)

# The format of an event that a worker logged, as its parent logs it.
_OF_WORKER = "[worker {worker}] {text}{traceback}"


def read_event(event: LogEvent) -> dict[str, Any]:
    """Return what a line says of an event; ``time`` is in seconds since 1970."""
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
    """Return the event for what a worker said of one of its own, as `read_event` does.

    Raises something for what is no such thing.
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
    """Return the line of an event, with its newline."""
    said = read_event(event)
    said["time"] = utc(said["time"])
    return json.dumps(said) + "\n"


def json_observer(file: Any) -> ILogObserver:
    """Return an observer that writes lines of JSON to a file."""
    return FileLogObserver(file, json_line)


#: What makes the observer of a file, by the name of the format.
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
