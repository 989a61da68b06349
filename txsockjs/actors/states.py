"""The states of a session, what happens to it, and the table of what each event does in each state.

Rules: a literal that imports nothing of this package. `life` walks it, a test does, and
`docs/architecture.md` prints it.
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """Where a session is in its life (protocol section 7)."""

    NEW = "new"  # no receiver came yet
    OPEN = "open"
    CLOSING = "closing"  # over, and its client was not told yet
    LINGERING = "lingering"  # its client was told, or is gone: who still comes is told again
    CLOSED = "closed"  # forgotten

    # There is one object for each, and the hash of an enum is slow.
    __hash__ = object.__hash__


class Event(enum.IntEnum):
    """What happens to a session, with its arguments."""

    # A receiver says these; said by one that is not attached, they mean nothing.
    FULL = 0  # (receiver): it ended its response, as planned
    DRAINED = 1  # (receiver): it is ready again
    GONE = 2  # (receiver, reason): its peer vanished
    # So do these, and a session's own output and timers.
    ATTACH = 3  # (receiver): a receiver came
    SENT = 4  # (receiver): all that was sent before the end went out
    BEAT = 5  # (): nothing was sent for heartbeat_delay
    EXPIRE = 6  # (): no receiver came for disconnect_delay, or none can come any more
    # What is for the application.
    RECEIVED = 7  # (messages): the client sent
    POSTED = 8  # (event): another part of the program sent
    # The end.
    CLOSE = 9  # (reason): the application ends it, or what went wrong in it does
    LEAVE = 10  # (reason): the server ends all of them
    ABORT = 11  # (): drop the connection, and wait for nothing


# Looked up once: an enum's members are slow to find before Python 3.12.
NEW, OPEN, CLOSING, LINGERING, CLOSED = State
FULL, DRAINED, GONE, ATTACH, SENT, BEAT, EXPIRE, RECEIVED, POSTED, CLOSE, LEAVE, ABORT = Event

#: For each state and each event: what is done (the method ``do_<name>`` of a session), and the
#: state from then on. The state changes first.
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
