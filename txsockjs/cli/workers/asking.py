"""How the parent asks its workers, and through one of them all nodes of a cluster.

Rules: a worker that is away counts as silent at once, rather than after a while. A worker that was
told to end is asked as long as it lives, under a name that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Callable, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ...admin.asking import PATIENCE, Asker, NoAnswer, Others, Replies, Table

# How many workers are tried, one after the other, to ask all nodes.
_MOST_TRIES = 2


class Worker(Protocol):
    """A worker, as seen here."""

    number: int
    was_ready: bool
    was_told_to_stop: bool

    @property
    def hears(self) -> bool:
        """Whether messages can be sent to it now."""
        ...

    def say(self, **table: object) -> None:
        """Send it a table."""


class Workers(Others):
    """Asks the workers; ``serving()`` returns those that should serve, by number, ``alive()`` all.

    A worker's name is its number; ``1-leaving`` is one whose successor serves while its sessions
    end.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        serving: Callable[[], Mapping[int, Worker]],
        alive: Callable[[], Iterable[Worker]],
    ) -> None:
        super().__init__(reactor, self._find, self._ask, "worker")
        self._serving = serving
        self._alive = alive

    def _find(self) -> dict[str, Worker]:
        serving = self._serving()
        found = {str(number): worker for number, worker in sorted(serving.items())}
        for worker in self._alive():
            if worker.was_told_to_stop and serving.get(worker.number) is not worker:
                found[f"{worker.number}-leaving"] = worker
        return found

    def _ask(self, worker: Worker, table: Table) -> None:
        if _can_answer(worker):
            worker.say(**table)
        else:
            self.lost(worker)

    def able(self) -> list[str]:
        """Return the names of those that can answer now."""
        return [name for name, worker in self._find().items() if _can_answer(worker)]


def _can_answer(worker: Worker) -> bool:
    return worker.was_ready and worker.hears


class Everywhere(Asker):
    """Asks all nodes of a cluster through one worker, which is one of them."""

    label = "node"

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._answered = ""  # the name of the last that answered; others may hang

    def ask(
        self,
        question: str,
        arguments: Mapping[str, object] | None = None,
        whom: str | None = None,
        patience: float = PATIENCE,
    ) -> Deferred[Replies]:
        """Ask all at once; fails with `NoAnswer` also if no worker can ask for this process."""
        return Deferred.fromCoroutine(self._ask(question, arguments, whom, patience))

    async def _ask(
        self,
        question: str,
        arguments: Mapping[str, object] | None,
        whom: str | None,
        patience: float,
    ) -> Replies:
        table = {"question": question, "arguments": dict(arguments or {}), "whom": whom}
        why = "no worker serves"
        names = sorted(self._workers.able(), key=lambda name: name != self._answered)
        for name in names[:_MOST_TRIES]:
            # The worker waits this long for its answers, and then needs a moment.
            asked = await self._workers.ask("everywhere", table, name, 1.5 * patience)
            for answer in asked.answers.values():
                self._answered = name
                return Replies(**answer)
            why = next(iter(asked.failed.values()), why)
        raise NoAnswer(why)
