"""`Pace`: how much one connection may do before the turns of others.

Rules: a turn is bounded in number and in time. The rest waits undecoded for the reactor's next
iteration, and its connection is not read meanwhile.
"""

from __future__ import annotations

from time import perf_counter

#: How long a turn may be, in seconds: even eight such connections together are not noticeable.
LONGEST = 0.002

clock = perf_counter


class Pace:
    """One turn of one connection; it begins when this is made.

    ``most`` is how many things may be done in it; one always may, however long it takes.
    """

    __slots__ = ("_left", "_until")

    def __init__(self, most: int) -> None:
        self._left = most
        self._until = clock() + LONGEST

    def may_go_on(self, done: int = 1) -> bool:
        """Count ``done`` things, and return whether the turn may go on."""
        self._left -= done
        return self._left > 0 and clock() < self._until


def next_look(done: int, most: int, since: float) -> int:
    """Return after how many things to look at the clock again, or 0 if the turn is over.

    The turn began at ``since``, and ``done`` of ``most`` things were done in it. A look at the
    clock costs 40 ns, as much as some of these things, so the number is multiplied by four as long
    as that many will not take the whole turn.
    """
    spent = clock() - since
    if spent >= LONGEST or done >= most:
        return 0
    return min(4 * done, most) if 4 * spent < LONGEST else done + 1
