"""`ProcessAnswers`: all the answers of a serving process.

Rules: for what it can't answer by itself, it asks the nodes of its bus. Answers that go through all
sessions are made one at a time, so that turns get no longer, no matter how many ask.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime

from ..cluster.bus import Bus
from ..router import SockJSRouter
from .asking import Answers, Function, NoAnswer
from .nodes import Nodes
from .report import Report, SiteForReports
from .sessions import Sessions


class ProcessAnswers(Answers):
    """The answers of the process that has these routers; `stop` leaves no timer behind.

    ``report`` is answered by `Report`, ``sessions`` and ``close`` by `Sessions`. With a bus,
    ``everywhere`` asks its ``nodes`` the question in its arguments (``question``, ``arguments``,
    ``whom``); the answer is a `Replies` as a table.
    """

    def __init__(
        self,
        routers: Iterable[SockJSRouter],
        reactor: IReactorTime,
        site: SiteForReports | None = None,
        buses: Iterable[Bus] = (),
    ) -> None:
        super().__init__()
        routers = list(routers)
        self._report = Report(routers, reactor, site)
        self._lock = DeferredLock()
        self.add("report", self._one_by_one(self._report.answer))
        sessions = Sessions(routers, reactor)
        self.add("sessions", self._one_by_one(sessions.list))
        self.add("close", sessions.close)
        self.nodes: Nodes | None = None
        for bus in buses:
            with suppress(ValueError):  # another service of this process answers on that bus
                self.nodes = Nodes(bus, self, reactor)
                self.add("everywhere", self._everywhere)
                break

    def stop(self) -> None:
        """Leave no timer behind."""
        self._report.stop()

    def _one_by_one(self, function: Function) -> Function:
        async def answer(arguments: Mapping[str, object]) -> object:
            await self._lock.acquire()
            try:
                return await function(arguments)
            finally:
                self._lock.release()

        return answer

    async def _everywhere(self, arguments: Mapping[str, Any]) -> dict[str, object]:
        question = arguments.get("question")
        if not isinstance(question, str) or question == "everywhere" or self.nodes is None:
            raise NoAnswer(f"all nodes can't be asked for {question!r}")
        replies = await self.nodes.ask(question, arguments.get("arguments"), arguments.get("whom"))
        return replies._asdict()
