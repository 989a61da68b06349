"""The states of a websocket's connection, and the table of what each event does in each state.

Rules: the table is a literal, and this module imports nothing of the package. `connection` and a
test walk the table, and `docs/architecture.md` prints it.
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """How far the end of the connection has come."""

    OPEN = "open"
    CLOSING = "closing"  # our close frame was sent; the peer's has not arrived
    DISCARDING = "discarding"  # nothing is sent any more, and what still comes is discarded
    LOST = "lost"  # messages from before the loss are still being handed over
    GONE = "gone"

    # Each member is a single object, and an enum's own hash is slow.
    __hash__ = object.__hash__


class Event(enum.Enum):
    """What happens to the connection, with its arguments."""

    CLOSE = "close"  # (code, reason): the session ends it
    ABORT = "abort"  # (): the session drops it
    CLOSE_FRAME = "close frame"  # (payload): the peer ends it, or answers our close frame
    VIOLATION = "violation"  # (code, reason): the peer broke the protocol
    DISCONNECT = "disconnect"  # (): the transport ended
    DRAINED = "drained"  # (): all messages from before that were handed over

    __hash__ = object.__hash__


# Looked up once: access to enum members is slow before Python 3.12.
OPEN, CLOSING, DISCARDING, LOST, GONE = State
CLOSE, ABORT, CLOSE_FRAME, VIOLATION, DISCONNECT, DRAINED = Event

#: For each state and each event: the action (the receiver's method ``_do_<name>``) and the next
#: state, which is entered before the action runs.
TABLE: dict[State, dict[Event, tuple[str, State]]] = {
    OPEN: {
        CLOSE: ("close", CLOSING),
        ABORT: ("abort", DISCARDING),
        CLOSE_FRAME: ("answer", DISCARDING),
        VIOLATION: ("refuse", DISCARDING),
        DISCONNECT: ("drain", LOST),
        DRAINED: ("nothing", OPEN),
    },
    CLOSING: {
        CLOSE: ("nothing", CLOSING),
        ABORT: ("abort", DISCARDING),
        CLOSE_FRAME: ("finish", DISCARDING),
        VIOLATION: ("end_writing", DISCARDING),
        DISCONNECT: ("leave", GONE),
        DRAINED: ("nothing", CLOSING),
    },
    DISCARDING: {
        CLOSE: ("nothing", DISCARDING),
        ABORT: ("abort", DISCARDING),
        CLOSE_FRAME: ("nothing", DISCARDING),
        VIOLATION: ("nothing", DISCARDING),
        DISCONNECT: ("leave", GONE),
        DRAINED: ("nothing", DISCARDING),
    },
    LOST: {
        CLOSE: ("nothing", LOST),
        ABORT: ("nothing", LOST),
        CLOSE_FRAME: ("leave_as_told", GONE),
        VIOLATION: ("leave_refused", GONE),
        DISCONNECT: ("nothing", LOST),
        DRAINED: ("leave", GONE),
    },
    GONE: {
        CLOSE: ("nothing", GONE),
        ABORT: ("nothing", GONE),
        CLOSE_FRAME: ("nothing", GONE),
        VIOLATION: ("nothing", GONE),
        DISCONNECT: ("nothing", GONE),
        DRAINED: ("nothing", GONE),
    },
}
