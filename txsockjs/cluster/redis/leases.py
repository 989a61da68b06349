"""`Leases`: which nodes are alive, by Redis's own clock, this one included.

Rules: the lease is renewed every ``renewal`` seconds. Leases are also checked when another node's
is about to end, so that all nodes see an end at the same time. After a Redis without living nodes
comes back, missing nodes may return, and are not lost before a time is over (`scripts`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .client import Lost
from .connection import LONGEST_DELAY, Connection
from .resp import ReplyError
from .scripts import RENEW_LEASE

# In seconds without an answer: when Redis counts as away, which must be well before sessions end
# whose requests wait for it (``disconnect_delay``), and when the connection is dropped.
SILENT = 1.5
DEAD = 4.0
# In seconds: how long sockets get to be read before that counts.
_TURN = 0.1
# In seconds: how long after the end of a lease it is checked.
_AFTER = 0.02
_NO_ANSWER = "it does not answer"


class Leases:
    """The lease of this node, and the nodes that have one.

    ``renewed`` is called with whether the lease has held and the nodes that ended; ``silent`` when
    Redis does not answer, until it does; ``slept`` when this process did not run for longer than
    its lease.
    """

    def __init__(
        self,
        node: str,
        reactor: IReactorTime,
        connection: Connection,
        times: tuple[float, float],
        renewed: Callable[[bool, list[str]], object],
        silent: Callable[[], object],
        slept: Callable[[], object],
    ) -> None:
        self.alive: frozenset[str] = frozenset()
        self.gone: set[str] = set()  # ended nodes that were once seen or written to
        self._node = node
        self._reactor = reactor
        self._connection = connection
        self._lease, self._renewal = times
        self._renewed = renewed
        self._silent = silent
        self._slept = slept
        self._others: Callable[[], Iterable[str]] = tuple
        self._registered = False
        self._returning = False  # whether others may still come back
        self._claimed: set[str] = set()  # nodes that have claimed their keys again
        self._asked_at: float | None = None  # while there is no answer
        self._look_call: IDelayedCall | None = None
        self._timer: IDelayedCall | None = None
        self._due = 0.0
        keys = connection.url.prefix
        self.key = f"{keys}:nodes".encode()
        self.returning = f"{keys}:returning".encode()

    def watch(self, others: Callable[[], Iterable[str]]) -> None:
        """Treat ``others()`` as nodes as well, even if they were never seen."""
        self._others = others

    def renew(self) -> None:
        """Renew the lease now, because the connection was just made."""
        self._asked_at = None
        self._claimed.clear()
        self._send()

    def stop(self) -> None:
        """Leave no timer behind."""
        self._cancel_timer()
        self._stop_looking()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_looking(self) -> None:
        if self._look_call is not None:
            self._look_call.cancel()
            self._look_call = None

    def met(self, node: str) -> None:
        """Note that a node is alive."""
        self.alive |= {node}
        self.gone.discard(node)

    def left(self, node: str) -> bool:
        """Note that a node gave up its lease; return whether that is news."""
        news = node not in self.gone
        self.alive -= {node}
        self.gone.add(node)
        return news

    def claimed(self, node: str) -> None:
        """Note that a node has claimed its keys again; once all have, the wait is over."""
        self._claimed.add(node)
        if self._returning and self.alive <= self._claimed:
            self._returning = False
            self._connection.call(None, b"DEL", self.returning)

    def _send(self) -> None:
        self._schedule(self._renewal)
        self._asked_at = self._reactor.seconds()
        self._look_later(SILENT)
        # The others may still have to notice that Redis was away, and to reconnect.
        grace = self._lease / 2 + LONGEST_DELAY
        self._connection.run(
            RENEW_LEASE,
            [self.key, self.returning],
            [
                self._node.encode(),
                b"%d" % (self._lease * 1000),
                b"%d" % self._registered,
                b"%d" % (grace * 1000),
            ],
            self._answered,
        )

    def _schedule(self, delay: float) -> None:
        self._cancel_timer()
        self._due = self._reactor.seconds() + delay
        self._timer = self._reactor.callLater(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        late = self._reactor.seconds() - self._due
        if late >= self._lease - self._renewal:
            self._slept()
        if self._connection.reached and self._asked_at is None:
            self._send()
        else:
            self._schedule(self._renewal)  # to notice a sleep

    def _look_later(self, delay: float, due: bool = False) -> None:
        self._stop_looking()
        self._look_call = self._reactor.callLater(delay, self._look, due)

    def _look(self, due: bool) -> None:
        """Check for an answer, after the sockets were read once more."""
        self._look_call = None
        if self._asked_at is None:
            return
        if not due:
            self._look_later(_TURN, True)
        elif self._reactor.seconds() - self._asked_at >= DEAD:
            self._connection.fail(_NO_ANSWER)
        else:
            self._connection.report(_NO_ANSWER)
            self._silent()
            self._look_later(DEAD - SILENT)

    def _answered(self, reply: Any) -> None:
        self._asked_at = None
        self._stop_looking()
        if isinstance(reply, Lost):
            return
        if isinstance(reply, ReplyError):
            self._connection.fail(str(reply))
            return
        held, returning, now, scores = reply
        ends = {
            node.decode("utf-8", "replace"): float(end)
            for node, end in zip(scores[::2], scores[1::2])
        }
        kept, self._registered = bool(held) or not self._registered, True
        living = frozenset(ends)
        ended = [] if returning else [*({*self.alive, *self._others()} - living - self.gone)]
        self._returning = bool(returning)
        if returning:
            living |= self.alive
        self.alive = living
        self.gone.difference_update(living)
        self.gone.update(ended)
        others = [end for node, end in ends.items() if node != self._node]
        soonest = (min(others) - now) / 1000 + _AFTER if others else self._renewal
        if soonest < self._renewal and self._timer is not None:
            self._schedule(max(soonest, _AFTER))
        self._renewed(kept or bool(returning), ended)
