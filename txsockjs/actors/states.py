"""The states of a session, its events, and the table of what each event does in each state.

Rules: a literal that imports nothing of this package. `life` walks it, a test walks it, and
`docs/architecture.md` prints it.
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """Where a session is in its life (protocol section 7)."""

    NEW = "new"  # no receiver came yet
    OPEN = "open"
    CLOSING = "closing"  # over; what is queued and the close frame are still to be sent
    LINGERING = "lingering"  # over; the client was told or is gone, a late receiver is told again
    CLOSED = "closed"  # removed from the container

    # There is one object for each, and the hash of an enum is slow.
    __hash__ = object.__hash__


class Event(enum.IntEnum):
    """What happens to a session, with its arguments."""

    # Told by a receiver; ignored if it is not the attached one.
    FULL = 0  # (receiver): it ended its response, as planned
    DRAINED = 1  # (receiver): it is ready again
    GONE = 2  # (receiver, reason): its peer vanished
    # Told by a new receiver, by the output, and by the timers.
    ATTACH = 3  # (receiver): a receiver came
    SENT = 4  # (receiver): all that was sent before the end went out
    BEAT = 5  # (): nothing was sent for heartbeat_delay
    EXPIRE = 6  # (): no receiver came for disconnect_delay, or none can come any more
    # For the application.
    RECEIVED = 7  # (messages): the client sent
    POSTED = 8  # (event): another part of the program sent
    # The end.
    CLOSE = 9  # (reason): by the application, or because it failed
    LEAVE = 10  # (reason): because the server stops
    ABORT = 11  # (): drop the connection, without waiting for anything


# Looked up once: an enum's members are slow to find before Python 3.12.
NEW, OPEN, CLOSING, LINGERING, CLOSED = State
FULL, DRAINED, GONE, ATTACH, SENT, BEAT, EXPIRE, RECEIVED, POSTED, CLOSE, LEAVE, ABORT = Event

#: For each state and each event: the action (the session's method ``do_<action>``) and the next
#: state, which is entered before the action runs.
TABLE: dict[State, dict[Event, tuple[str, State]]] = {
    NEW: {
        FULL: ("nothing", NEW),
        DRAINED: ("nothing", NEW),
        GONE: ("nothing", NEW),
        ATTACH: ("open", OPEN),
        SENT: ("nothing", NEW),
        BEAT: ("nothing", NEW),
        EXPIRE: ("expire", CLOSED),
        RECEIVED: ("drop", NEW),
        POSTED: ("drop", NEW),
        CLOSE: ("close", CLOSING),
        LEAVE: ("leave", CLOSING),
        ABORT: ("abort", CLOSED),
    },
    OPEN: {
        FULL: ("detach", OPEN),
        DRAINED: ("flush", OPEN),
        GONE: ("lose", LINGERING),
        ATTACH: ("attach", OPEN),
        SENT: ("nothing", OPEN),
        BEAT: ("beat", OPEN),
        EXPIRE: ("expire", CLOSED),
        RECEIVED: ("receive", OPEN),
        POSTED: ("post", OPEN),
        CLOSE: ("close", CLOSING),
        LEAVE: ("leave", CLOSING),
        ABORT: ("abort", CLOSED),
    },
    CLOSING: {
        FULL: ("detach", CLOSING),
        DRAINED: ("flush", CLOSING),
        GONE: ("detach", CLOSING),
        ATTACH: ("attach_late", CLOSING),
        SENT: ("tell", LINGERING),
        BEAT: ("nothing", CLOSING),
        EXPIRE: ("expire", CLOSED),
        RECEIVED: ("drop", CLOSING),
        POSTED: ("drop", CLOSING),
        CLOSE: ("nothing", CLOSING),
        LEAVE: ("nothing", CLOSING),
        ABORT: ("abort", CLOSED),
    },
    LINGERING: {
        FULL: ("detach", LINGERING),
        DRAINED: ("nothing", LINGERING),
        GONE: ("detach", LINGERING),
        ATTACH: ("tell_again", LINGERING),
        SENT: ("nothing", LINGERING),
        BEAT: ("nothing", LINGERING),
        EXPIRE: ("expire", CLOSED),
        RECEIVED: ("drop", LINGERING),
        POSTED: ("drop", LINGERING),
        CLOSE: ("nothing", LINGERING),
        LEAVE: ("hurry", LINGERING),
        ABORT: ("abort", CLOSED),
    },
    CLOSED: {
        FULL: ("nothing", CLOSED),
        DRAINED: ("nothing", CLOSED),
        GONE: ("nothing", CLOSED),
        ATTACH: ("tell_again", CLOSED),
        SENT: ("nothing", CLOSED),
        BEAT: ("nothing", CLOSED),
        EXPIRE: ("nothing", CLOSED),
        RECEIVED: ("drop", CLOSED),
        POSTED: ("drop", CLOSED),
        CLOSE: ("nothing", CLOSED),
        LEAVE: ("nothing", CLOSED),
        ABORT: ("nothing", CLOSED),
    },
}
