"""`Claims`: the keys that a node owns in Redis, and questions for the owners of keys.

Rules: a question waits while Redis is away, and is asked again if its answer was lost. A cancelled
question is not waited for, and a claim that results from it is released. Claims are renewed in
batches, the oldest first, so that each holds `MEMORY` longer than the lease of a node that ends.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..bus import BusError, Owner
from .client import Lost
from .connection import Connection
from .resp import ReplyError
from .scripts import ASK_OWNER, RELEASE_CLAIMS, RENEW_CLAIMS

#: The most questions that wait.
MOST_WAITING = 10_000
# How many keys one script takes, because Redis does nothing else meanwhile.
_BATCH = 500
# In seconds: after how long a question that could not be answered yet is asked again.
_AGAIN = 0.2


class _Question:
    """A question for a key's owner: the Deferreds that wait, and whether to claim the key."""

    def __init__(self, key: str, claims: bool) -> None:
        self.key = key
        self.claims = claims
        self.askers: list[Deferred[Any]] = []
        self.sent: float | None = None  # when it was sent, or None


class Claims:
    """A node's claims; ``taken`` is called with each key that another node turns out to own."""

    def __init__(
        self,
        node: str,
        reactor: IReactorTime,
        connection: Connection,
        times: tuple[float, float, float],
        keys: tuple[bytes, bytes],
        taken: Callable[[str], object],
    ) -> None:
        lease, self._renewal, self._memory = times
        self._node = node.encode()
        self._reactor = reactor
        self._connection = connection
        self._keys = list(keys)
        self._taken = taken
        self._begin = f"{connection.url.prefix}:claim:".encode()
        # The last renewal of a claim is at most half its memory ago.
        self._holds = b"%d" % ((lease + 1.5 * self._memory) * 1000)
        self._owned: dict[str, float] = {}  # when each was renewed, the oldest first
        self._claiming: dict[str, _Question] = {}
        self._waiting: dict[_Question, None] = {}
        self._released: dict[str, None] = {}
        self._open = 0  # how many questions have no answer
        self._up = False
        self._release_call: IDelayedCall | None = None
        self._again_call: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._owned)

    # -- questions

    def claim(self, key: str, sure: bool) -> Deferred[Owner]:
        """Own a key unless another node does; ``sure`` is whether our claims are known to hold."""
        if sure and key in self._owned:
            return succeed(Owner(self._node.decode(), True))
        self._released.pop(key, None)
        question = self._claiming.get(key)
        if question is not None:
            return self._join(question)
        return self._ask(_Question(key, True))

    def find(self, key: str, sure: bool) -> Deferred[Owner | None]:
        """Ask for the owner of a key."""
        if sure and key in self._owned:
            return succeed(Owner(self._node.decode(), True))
        return self._ask(_Question(key, False))

    def release(self, key: str) -> None:
        """Give up a claim."""
        if self._owned.pop(key, None) is not None:
            self._release_later(key)

    def _ask(self, question: _Question) -> Deferred[Any]:
        if self._open >= MOST_WAITING:
            return fail(BusError("too many questions wait for Redis"))
        self._open += 1
        if question.claims:
            self._claiming[question.key] = question
        answer = self._join(question)
        if self._up:
            self._send(question)
        else:
            self._waiting[question] = None
        return answer

    def _join(self, question: _Question) -> Deferred[Any]:
        answer: Deferred[object] = Deferred(lambda _: self._cancel(question, answer))
        question.askers.append(answer)
        return answer

    def _cancel(self, question: _Question, answer: Deferred[object]) -> None:
        question.askers.remove(answer)
        if not question.askers and question in self._waiting:
            self._drop(question)

    def _drop(self, question: _Question) -> None:
        self._waiting.pop(question, None)
        self._open -= 1
        if question.claims:
            self._claiming.pop(question.key, None)
            if question.sent is not None and question.key not in self._owned:  # may have arrived
                self._release_later(question.key)

    def _send(self, question: _Question) -> None:
        self._release_now()
        question.sent = self._reactor.seconds()
        self._connection.run(
            ASK_OWNER,
            [self._name(question.key), *self._keys],
            [self._node, self._holds, b"1" if question.claims else b"0"],
            partial(self._answered, question, question.sent),
        )

    def _answered(self, question: _Question, sent: float, reply: Any) -> None:
        if isinstance(reply, Lost) or reply == 0:
            self._wait(question)
            return
        self._open -= 1
        if question.claims:
            self._claiming.pop(question.key, None)
        askers, question.askers = question.askers, []
        if isinstance(reply, ReplyError):
            for answer in askers:
                answer.errback(BusError(f"Redis refused a question: {reply}"))
            return
        owner = None if reply is None else Owner(reply[0].decode("utf-8", "replace"), reply[1] == 1)
        if question.claims and reply[0] == self._node:
            if askers:
                self._owned.pop(question.key, None)
                self._owned[question.key] = sent
            elif question.key not in self._owned:
                self._release_later(question.key)
        for answer in askers:
            answer.callback(owner)

    def _wait(self, question: _Question) -> None:
        """Ask again later, if somebody still waits for the answer."""
        self._waiting[question] = None
        if not question.askers:
            self._drop(question)
        elif self._up and self._again_call is None:
            self._again_call = self._reactor.callLater(_AGAIN, self._ask_again)

    def _ask_again(self) -> None:
        call, self._again_call = self._again_call, None
        if call is not None and call.active():
            call.cancel()
        if self._up:
            waiting, self._waiting = self._waiting, {}
            for question in waiting:
                self._send(question)

    # -- the broker

    def reached(self, settled: Callable[[], object]) -> None:
        """Claim all keys again, call ``settled``, then send the waiting questions."""
        self._up = True
        self.check(settled)
        self._release_now()
        self._ask_again()

    def lost(self) -> None:
        """Wait."""
        self._up = False

    def stop(self) -> Deferred[None]:
        """Give up all claims; fires when Redis has done so."""
        self._released.update(dict.fromkeys(self._owned))
        self._owned.clear()
        done: Deferred[None] = Deferred()
        if self._up:
            self._release_now(lambda: done.callback(None))
        else:
            done.callback(None)
        self._up = False
        for call in (self._release_call, self._again_call):
            if call is not None and call.active():
                call.cancel()
        self._waiting.clear()
        return done

    def check(self, settled: Callable[[], object]) -> None:
        """Claim all keys again, in case they were forgotten."""
        self._renew(list(self._owned), settled)

    def renew(self) -> None:
        """Renew the claims that are due; called every ``renewal`` seconds.

        After Redis was away, all claims of all nodes are due at once, so they are spread over
        ticks.
        """
        due_before = self._reactor.seconds() - self._memory / 2
        most = _BATCH + int(len(self._owned) * 2.5 * self._renewal / self._memory)
        due: list[str] = []
        for key, renewed in self._owned.items():
            if renewed > due_before or len(due) == most:
                break
            due.append(key)
        if due:
            self._renew(due, lambda: None)

    def _renew(self, keys: list[str], done: Callable[[], object]) -> None:
        now = self._reactor.seconds()
        for key in keys:
            del self._owned[key]
            self._owned[key] = now
        self._in_batches(RENEW_CLAIMS, keys, [self._node, self._holds], self._renewed, done)

    def _renewed(self, keys: list[str], reply: Any) -> None:
        if isinstance(reply, ReplyError):
            return  # the lease reports the error
        for place in reply:
            if self._owned.pop(keys[place], None) is not None:
                self._taken(keys[place])

    # -- releases

    def _release_later(self, key: str) -> None:
        self._released[key] = None
        if self._up and self._release_call is None:
            self._release_call = self._reactor.callLater(0, self._release_now)

    def _release_now(self, done: Callable[[], object] = lambda: None) -> None:
        call, self._release_call = self._release_call, None
        if call is not None and call.active():
            call.cancel()
        released, self._released = self._released, {}
        keys = list(released)
        self._in_batches(RELEASE_CLAIMS, keys, [self._node], self._were_released, done)

    def _were_released(self, keys: list[str], reply: object) -> None:
        if isinstance(reply, Lost):
            for key in keys:
                if key not in self._owned and key not in self._claiming:
                    self._released[key] = None

    def _in_batches(
        self,
        script: str,
        keys: list[str],
        arguments: list[bytes],
        answered: Callable[[list[str], Any], object],
        done: Callable[[], object],
    ) -> None:
        """Run a script over keys; ``answered`` is called for each batch, ``done`` after all."""
        batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
        left = len(batches)

        def tell(batch: list[str], reply: object) -> None:
            nonlocal left
            answered(batch, reply)
            left -= 1
            if not left and not isinstance(reply, Lost):
                done()

        for batch in batches:
            self._connection.run(
                script,
                [self._name(key) for key in batch],
                arguments,
                partial(tell, batch),
            )
        if not batches:
            done()

    def _name(self, key: str) -> bytes:
        return self._begin + key.encode("utf-8", "surrogatepass")
