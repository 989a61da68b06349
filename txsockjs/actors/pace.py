"""`Pace`: how much one connection may do before the others have their turn.

Rules: a turn is bounded in things done and in time; what is left over waits as the bytes it came
in, its connection is not read meanwhile, and it goes on in the reactor's next iteration.
"""

from __future__ import annotations

from time import perf_counter

#: How long a turn may be, in seconds: what eight such connections take together is not felt.
LONGEST = 0.002

clock = perf_counter


class Pace:
    """One turn of one connection, which begins when it is made.

    ``most`` is how many things may be done in it; it is at least one, however long that takes.
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

    The turn began at ``since``, ``done`` of ``most`` things were done in it. Looking at the clock
    costs 40 ns, as much as some of these things, so the number is multiplied by four while that
    many will not take the whole turn.
    """
    spent = clock() - since
    if spent >= LONGEST or done >= most:
        return 0
    return min(4 * done, most) if 4 * spent < LONGEST else done + 1
