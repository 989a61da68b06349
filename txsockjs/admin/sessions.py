"""The sessions of a process: listing a page of them, and ending one.

Rules: going through the sessions takes bounded turns, and keeps two pages of them at most. An
answer is JSON.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from twisted.internet.interfaces import IReactorTime

from ..actors.session import BaseSession
from ..router import SockJSRouter
from .query import Order, Page, Part, Query, Row
from .turns import in_turns

# How many one turn goes through.
_STRETCH = 500
_LONGEST_ORIGIN = 200


async def merged(
    query: Query, parts: Mapping[str, Part], reactor: IReactorTime
) -> dict[str, object]:
    """Merge the pages of several processes into one; each session has its ``node``."""
    # The next page begins after the end of a process that has more.
    ends = [part.end for part in parts.values() if part.end is not None]
    end = min(ends, default=None)
    page = Page(query)
    rows = ((name, row) for name, part in parts.items() for row in part.rows)
    async for name, row in in_turns(rows, reactor, _STRETCH):
        if end is None or query.key(row) <= end:
            page.add({"node": name, **row})
    return query.answer(page.rows(), bool(ends))


class Sessions:
    """The open sessions of these routers, each as a table of JSON values.

    ``reactor`` is that of the routers; ``wall_clock`` returns the time of day in seconds.
    """

    def __init__(
        self,
        routers: Iterable[SockJSRouter],
        reactor: IReactorTime,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._routers = list(routers)
        self._reactor = reactor
        # Computed once, so that a session has the same time in each answer.
        self._epoch = wall_clock() - reactor.seconds()

    async def list(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """Answer a `Query` with one page; raises `BadQuery`."""
        query = Query.of(arguments)
        page = Page(query)
        routers = [each for each in self._routers if query.mount in (None, _mount(each))]
        sessions = ((router, session) for router in routers for session in router.sessions)
        async for router, session in in_turns(sessions, self._reactor, _STRETCH):
            if _is_open(session):
                page.add(_row(router, session, self._epoch))
        return query.answer(page.rows())

    def close(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """End a session, as its application would; return how many were found.

        The arguments are ``id`` and ``mount``, and optionally ``code`` and ``reason``. Raises
        `BadQuery`.
        """
        order = Order.of(arguments)
        closed = 0
        for router in self._routers:
            session = router.get_session(order.id)
            if session is not None and _mount(router) == order.mount and _is_open(session):
                session.end((order.code, order.reason))
                closed += 1
        return {"closed": closed}


def _mount(router: SockJSRouter) -> str:
    return router.prefix or "/"


def _is_open(session: BaseSession) -> bool:
    return session.info is not None and not session.is_closed


def _row(router: SockJSRouter, session: Any, epoch: float) -> Row:
    waiting_in, waiting_out = session.waiting
    origin = session.info.origin
    return {
        "id": session.session_id,
        "mount": _mount(router),
        "transport": session.transport,
        "address": session.info.ip,
        "origin": origin and origin[:_LONGEST_ORIGIN],
        "opened": round(session.began + epoch, 1),
        "age": round(session.clock() - session.began, 1),
        "messages_in": session.messages_in,
        "messages_out": session.messages_out,
        "bytes_in": session.bytes_in,
        "bytes_out": session.bytes_out,
        "waiting_in": waiting_in,
        "waiting_out": waiting_out,
    }
