"""`Claims`: which node owns which session; asks the bus for a router.

Rules: simultaneous requests for one session share a claim. No request waits longer than
``patience``, or after its client has left; the number of waiting requests is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Callable, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..actors.deadlines import Deadline
from ..errors import NotFound, Overloaded
from ..http.exchange import Exchange
from .bus import Bus, Owner

_log = Logger()
_T = TypeVar("_T")

# How many owners are remembered, so that most requests need not ask the bus.
_MOST_OWNERS = 10_000
# How many requests may wait for the owner of their session.
_MOST_WAITING = 10_000


class Claims:
    """The claims of one router, whose keys begin with ``scope``; ``patience`` is in seconds."""

    def __init__(self, bus: Bus, reactor: IReactorTime, scope: str, patience: float) -> None:
        self._bus = bus
        self._reactor = reactor
        self._scope = scope
        self._patience = patience
        self._mine: set[str] = set()
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._asked: dict[str, Deferred[Any]] = {}
        self._sharing: dict[str, list[Deferred[Owner]]] = {}
        self._waiting = 0

    # -- what is known here

    def __contains__(self, session_id: str) -> bool:
        """Return whether this node owns a session."""
        return session_id in self._mine

    def __len__(self) -> int:
        """Return how many sessions this node owns."""
        return len(self._mine)

    def known(self, session_id: str) -> str | None:
        """Return the remembered owner of a session, or None."""
        return self._owners.get(session_id)

    def mistaken(self, session_id: str) -> None:
        """Forget the remembered owner of a session, because the session was not there."""
        self._owners.pop(session_id, None)

    def lost(self, node: str) -> None:
        """Forget what a node owned; the bus knows whether it is alive."""
        for session_id in [each for each, owner in self._owners.items() if owner == node]:
            del self._owners[session_id]

    def session_of(self, key: str) -> str | None:
        """Return the session id for a key on the bus, or None if the key is not of this scope."""
        return key[len(self._scope) :] if key.startswith(self._scope) else None

    def release(self, session_id: str) -> None:
        """Give up the claim to a session that is gone."""
        if session_id in self._mine:
            self._mine.discard(session_id)
            self._bus.release(self._scope + session_id)

    def taken(self, session_id: str) -> None:
        """Note that another node owns a session that this node owned."""
        self._mine.discard(session_id)

    # -- asking the bus

    def find(self, exchange: Exchange, session_id: str) -> Deferred[Owner | None]:
        """Fire with a session's owner, or None; fail with `Overloaded` if that takes too long."""
        return self._wait(exchange, self._bus.find(self._scope + session_id)).addCallback(
            self._remember, session_id
        )

    def claim(self, exchange: Exchange, session_id: str) -> Deferred[Owner]:
        """Fire with a session's owner; this node becomes it if there is none."""
        answer: Deferred[Owner] = Deferred(lambda answer: self._leave(session_id, answer))
        sharing = self._sharing.get(session_id)
        if sharing is not None:
            sharing.append(answer)
        else:
            self._sharing[session_id] = [answer]
            asked = self._bus.claim(self._scope + session_id)
            self._asked[session_id] = asked
            asked.addBoth(self._answered, session_id)
        return self._wait(exchange, answer).addCallback(self._remember, session_id)

    def when_answered(self, session_id: str, call: Callable[[], object]) -> bool:
        """Call ``call`` when a pending claim was answered; return whether there is one."""
        sharing = self._sharing.get(session_id)
        if sharing is None:
            return False
        answer: Deferred[Owner] = Deferred()
        sharing.append(answer)
        answer.addBoth(lambda _: call())
        return True

    async def until(
        self, exchange: Exchange, ask: Callable[[Callable[[], None]], object], seconds: float
    ) -> None:
        """Wait until the function passed to ``ask`` is called, or ``seconds`` have passed.

        Raises `NotFound`, which nobody hears, if the client leaves.
        """
        waiting: Deferred[None] = Deferred()

        def go_on() -> None:
            if not waiting.called:
                waiting.callback(None)

        ask(go_on)
        deadline = Deadline(self._reactor, seconds, go_on)
        exchange.watch(lost=go_on)
        await waiting
        deadline.cancel()
        if exchange.ended:
            raise NotFound()

    def _answered(self, owner: Any, session_id: str) -> None:
        self._asked.pop(session_id, None)
        if isinstance(owner, Failure):
            if not owner.check(CancelledError):
                _log.failure("a session could not be claimed", owner)
        elif owner.node == self._bus.node:
            self._mine.add(session_id)
            self._bus.counters["claims"] += 1
        for answer in self._sharing.pop(session_id, []):
            if isinstance(owner, Failure):
                answer.errback(Overloaded())
            else:
                answer.callback(owner)

    def _leave(self, session_id: str, answer: object) -> None:
        sharing = self._sharing.get(session_id, [])
        if answer in sharing:
            sharing.remove(answer)
            if not sharing:
                del self._sharing[session_id]
                self._asked.pop(session_id).cancel()

    def _remember(self, owner: Any, session_id: str) -> Any:
        if owner is not None and owner.alive and owner.node != self._bus.node:
            if len(self._owners) >= _MOST_OWNERS:
                self._owners.popitem(last=False)
            self._owners[session_id] = owner.node
        return owner

    def _wait(self, exchange: Exchange, answer: Deferred[_T]) -> Deferred[_T]:
        if answer.called:
            return answer
        if self._waiting >= _MOST_WAITING:
            answer.addErrback(lambda _: None)
            answer.cancel()
            raise Overloaded()
        self._waiting += 1
        deadline = Deadline(self._reactor, self._patience, answer.cancel)
        exchange.watch(lost=answer.cancel)

        def done(result: object) -> object:
            self._waiting -= 1
            deadline.cancel()
            if isinstance(result, Failure) and result.check(CancelledError):
                raise Overloaded()
            return result

        return answer.addBoth(done)
