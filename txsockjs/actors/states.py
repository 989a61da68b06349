"""The states of a session, its events, and the table of what each event does in each state.

Rules: the table is a literal, and this module imports nothing of the package. `life` and a test
walk the table, and `docs/architecture.md` prints it.
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """Where a session is in its life (protocol section 7)."""

    NEW = "new"  # no receiver has come yet
    OPEN = "open"
    UNTOLD = "untold"  # open, but the open frame did not reach the client
    CLOSING = "closing"  # over; what is queued and the close frame are still to be sent
    LINGERING = "lingering"  # over; the client was told or is gone; a late receiver is told again
    CLOSED = "closed"  # removed from the container

    # Each member is a single object, and an enum's own hash is slow.
    __hash__ = object.__hash__


class Event(enum.IntEnum):
    """What happens to a session, with its arguments."""

    # Told by a receiver; ignored if it is not the attached one.
    FULL = 0  # (receiver): it ended its response as planned
    DRAINED = 1  # (receiver): it is ready again
    RETURNED = 2  # (receiver, messages): its peer vanished before it took these
    UNOPENED = 3  # (receiver, messages): the same, and it did not even take the open frame
    GONE = 4  # (receiver, reason, cause or "lost"): its peer vanished
    # Told by a new receiver, by the output, and by the timers.
    ATTACH = 5  # (receiver): a receiver came
    SENT = 6  # (receiver): everything sent before the end went out
    BEAT = 7  # (): nothing was sent for heartbeat_delay
    EXPIRE = 8  # (): no receiver came for disconnect_delay, or none can come any more
    # For the application.
    RECEIVED = 9  # (messages): from the client
    POSTED = 10  # (event): from another part of the program
    # The end.
    CLOSE = 11  # (reason, cause or "application"): the application ends it, or failed
    LEAVE = 12  # (reason): because the server stops
    ABORT = 13  # (): drop the connection, without waiting for anything


# Looked up once: access to enum members is slow before Python 3.12.
NEW, OPEN, UNTOLD, CLOSING, LINGERING, CLOSED = State
FULL, DRAINED, RETURNED, UNOPENED, GONE, ATTACH, SENT, BEAT, EXPIRE = list(Event)[:9]
RECEIVED, POSTED, CLOSE, LEAVE, ABORT = list(Event)[9:]

#: For each state and each event: the action (the session's method ``do_<action>``) and the next
#: state, which is entered before the action runs.
TABLE: dict[State, dict[Event, tuple[str, State]]] = {
    NEW: {
        FULL: ("nothing", NEW),
        DRAINED: ("nothing", NEW),
        RETURNED: ("nothing", NEW),
        UNOPENED: ("nothing", NEW),
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
        RETURNED: ("take_back", OPEN),
        UNOPENED: ("take_back", UNTOLD),
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
    UNTOLD: {
        FULL: ("nothing", UNTOLD),
        DRAINED: ("nothing", UNTOLD),
        RETURNED: ("nothing", UNTOLD),
        UNOPENED: ("nothing", UNTOLD),
        GONE: ("nothing", UNTOLD),
        ATTACH: ("open_again", OPEN),
        SENT: ("nothing", UNTOLD),
        BEAT: ("nothing", UNTOLD),
        EXPIRE: ("expire", CLOSED),
        RECEIVED: ("drop", UNTOLD),
        POSTED: ("post", UNTOLD),
        CLOSE: ("close", CLOSING),
        LEAVE: ("leave", CLOSING),
        ABORT: ("abort", CLOSED),
    },
    CLOSING: {
        FULL: ("detach", CLOSING),
        DRAINED: ("flush", CLOSING),
        RETURNED: ("take_back", CLOSING),
        UNOPENED: ("take_back", CLOSING),
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
        RETURNED: ("detach", LINGERING),
        UNOPENED: ("detach", LINGERING),
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
        RETURNED: ("nothing", CLOSED),
        UNOPENED: ("nothing", CLOSED),
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
