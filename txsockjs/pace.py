"""`Pace`: how much one connection may do before the others have their turn.

Rules: a turn is bounded in things done and in time; what is left over waits as the bytes it came
in, its connection is not read meanwhile, and it goes on in the reactor's next iteration. Used by
whatever takes many requests or frames out of one read.
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
        """Note that so many things were done, and tell whether there is room for more."""
        self._left -= done
        return self._left > 0 and clock() < self._until

    def ahead(self, done: int) -> int:
        """Return how many more things may be done before this is asked again, 0 if none.

        ``done`` are all until now. For things that are so short that looking at the clock after
        each of them would be felt: three times as many more if they will not take the whole turn.
        """
        left = self._left - done
        time = self._until - clock()
        if left <= 0 or time <= 0:
            return 0
        return min(3 * done, left) if time > LONGEST * 3 / 4 else 1
