"""`Relay`: connects the requests of a router's sessions with the nodes where the sessions live.

The owner of a session is the node that claimed its id, because the first receiver came to it. A
request for a session that is not here goes to its owner over the bus (`edge`); requests from other
nodes are served by the router's own pages (`remote`).

Rules: a session on this node is served without the bus. No request waits for the bus longer than
``disconnect_delay``. A request goes to one life of one node, and is never sent again to another. A
node that may not open a session lets another one open it.
"""

from __future__ import annotations

import itertools
import random
from functools import lru_cache, partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..actors.interfaces import NODE_GONE
from ..errors import NotFound, Overloaded, RequestError
from ..http.exchange import Exchange
from ..wire import relay as wire
from .asked import Asked, Here
from .bus import Bus, Owner
from .claims import Claims
from .edge import Edge, Result, Speaker
from .edges import Edges
from .outage import Outage
from .remote import describe
from .serving import TO_OWNER, RouterForRelay, Serving, make_way

# How often a request looks for the owner again if the one it found denies it.
_MOST_TRIES = 3


class Relay:
    """Connects a router with the routers at the same prefix on other nodes."""

    def __init__(self, router: RouterForRelay, bus: Bus) -> None:
        self._router = router
        self._bus = bus
        self._port = f"relay {router.prefix}"
        self._patience = router.settings.disconnect_delay
        scope = f"session {router.prefix} "
        self._claims = Claims(bus, router.reactor, scope, self._patience)
        self._numbers = itertools.count()
        self._edges = Edges()
        # The function that sends frames to a node: as cheap as a call of the bus, made once per
        # node.
        self._post_to = lru_cache(maxsize=1024)(lambda node: partial(bus.send, node, self._port))
        self._serving = Serving(router, self._claims, bus.counters, self._post_to)
        self._outage = Outage(bus, router.reactor, self._patience, self._give_up)
        self.away = self._outage.began  # told by the bus
        self.back = self._outage.ended
        bus.listen(self._port, self)

    # -- asked by the transports

    def must_wait(self, session: Any | None = None) -> bool:
        """Return whether a request for a session on this node can't be served at once.

        ``session`` is its session, if it is a receiver's.
        """
        if not self._bus.settled:
            return True
        return session is not None and session.relayed_receiver is not None

    def attach(
        self, exchange: Exchange, session_id: str, name: str, speaker: Speaker, here: Here
    ) -> Deferred[None] | None:
        """Serve a receiver's request with ``here()``, or through the session's owner.

        ``name`` is the last segment of its URL. If a Deferred is returned, it fails with the error
        to answer instead; otherwise the request's page gets that error.
        """
        return self._serve(Asked(exchange, session_id, name, speaker, here, self, self._attach))

    def send(
        self, exchange: Exchange, session_id: str, name: str, here: Here
    ) -> Deferred[None] | None:
        """Serve a sender's request with ``here()`` or through the session's owner, as `attach`."""
        return self._serve(Asked(exchange, session_id, name, None, here, self, self._send))

    def _serve(self, asked: Asked) -> Deferred[None] | None:
        """Relay a request at once if the owner is known, as for most; otherwise look for it."""
        exchange = asked.exchange
        node = self._claims.known(asked.session_id)
        if (
            node is None
            or exchange.is_relayed
            or not self._bus.settled
            or self._router.sessions.get(asked.session_id) is not None
        ):
            return Deferred.fromCoroutine(asked.look(asked))
        if asked.speaker is not None:
            exchange.set_peer_timeout(self._router.settings.peer_timeout)
        # Without a Deferred, which would be a tenth of the cost of relaying.
        self._relay(asked, node, asked)
        return None

    def answered(self, asked: Asked, found: bool) -> None:
        """Look for the owner of a request again, if the remembered one was wrong."""
        if not found:
            self._claims.mistaken(asked.session_id)
            page = self._router.pages[asked.name]
            Deferred.fromCoroutine(asked.look(asked)).addErrback(page.failed_later, asked.exchange)

    def refused(self, asked: Asked, error: RequestError) -> None:
        """Answer a request with an error."""
        self._router.pages[asked.name].failed_later(Failure(error), asked.exchange)

    async def _attach(self, asked: Asked) -> None:
        exchange, session_id = asked.exchange, asked.session_id
        speaker: Any = asked.speaker  # receivers have one
        await self._settled(exchange)
        session = self._router.sessions.get(session_id)
        if session is not None and session.relayed_receiver is not None:
            await make_way(session, exchange, self._claims, self._bus)
            session = self._router.sessions.get(session_id)
        if session is not None or (exchange.is_relayed and session_id in self._claims):
            await self._here(asked)
            return
        if exchange.is_relayed:
            raise Overloaded()  # the session ended while it waited
        for _ in range(_MOST_TRIES):
            owner = await self._owner(exchange, session_id)
            if owner is not None and owner.node == self._bus.node:
                try:
                    await self._here(asked)
                    return
                except Overloaded:  # meanwhile, the node is full or about to stop
                    owner = None
            if owner is not None and not owner.alive:
                speaker.close(NODE_GONE, started=False)
                return
            node = self._another() if owner is None else owner.node
            exchange.set_peer_timeout(self._router.settings.peer_timeout)
            if await self._relayed(asked, node, opens=owner is None):
                return
        raise Overloaded()

    async def _send(self, asked: Asked) -> None:
        exchange, session_id = asked.exchange, asked.session_id
        await self._settled(exchange)
        if exchange.is_relayed or (asked.body is None and self._router.sessions.get(session_id)):
            await _done(asked.here())
            return
        for _ in range(_MOST_TRIES):
            owner = await self._claims.find(exchange, session_id)
            if owner is None or not owner.alive or owner.node == self._bus.node:
                break
            if await self._relayed(asked, owner.node):
                return
        raise NotFound()

    async def _here(self, asked: Asked) -> None:
        try:
            await _done(asked.here())
        finally:
            if self._router.sessions.get(asked.session_id) is None:
                self._claims.release(asked.session_id)  # the session was not opened

    async def _owner(self, exchange: Exchange, session_id: str) -> Owner | None:
        """Return a session's owner; this node if there was none; None if another may be."""
        try:
            self._router.admit(exchange)
        except RequestError as error:
            owner = await self._claims.find(exchange, session_id)
            found = None if owner is None or owner.node == self._bus.node else owner
            is_alone = self._bus.nodes <= {self._bus.node}
            if found is None and (is_alone or not isinstance(error, Overloaded)):
                raise  # nobody else may open it
            return found
        return await self._claims.claim(exchange, session_id)

    def _another(self) -> str:
        """Return another node, to open a session that this node may not open."""
        others = sorted(self._bus.nodes - {self._bus.node})
        if not others:
            raise Overloaded()
        return random.choice(others)

    async def _relayed(self, asked: Asked, node: str, opens: bool = False) -> bool:
        """Return whether a node answered; false if it does not have the session.

        ``opens`` is whether that node may open the session.
        """
        answered: Deferred[bool] = Deferred()
        self._relay(asked, node, answered, opens)
        found = await answered
        if not found:
            self._claims.mistaken(asked.session_id)
        return found

    def _relay(self, asked: Asked, node: str, result: Result, opens: bool = False) -> None:
        exchange = asked.exchange
        body = asked.take_body()
        number = next(self._numbers)
        post = self._post_to(node)
        edge = Edge(exchange, node, number, asked.speaker, post, self._edges.over, result)
        self._edges.add(number, edge)
        self._bus.counters["requests_relayed"] += 1
        edge.begin(describe(exchange, asked.name, asked.session_id), opens, body)

    async def _settled(self, exchange: Exchange) -> None:
        """Wait until it is known whether this node's claims hold."""
        if not self._bus.settled:
            await self._claims.until(exchange, self._bus.when_settled, self._patience)

    # -- told by the router and its service

    def leave(self) -> Deferred[None]:
        """Make the clients of other nodes' sessions ask another node.

        Their receivers end; fires when their senders were answered, too.
        """
        return self._edges.leave()

    def forget(self, session_id: str) -> None:
        """Note that a session is gone."""
        self._claims.release(session_id)

    @property
    def claimed(self) -> int:
        """How many sessions this node owns."""
        return len(self._claims)

    @property
    def may_expire(self) -> bool:
        """Whether sessions may end for lack of a receiver: not while clients can't come."""
        return self._outage.may_expire

    # -- told by the bus

    def received(self, node: str, data: bytes) -> None:
        """Handle a frame from another node."""
        try:
            kind, number, payload = wire.split(data)
            if kind in TO_OWNER:
                self._serving.told(node, kind, number, payload)
            else:
                self._told(node, kind, number, payload)
        except wire.BadFrame:
            self._bus.counters["frames_invalid"] += 1

    def lost(self, node: str) -> None:
        """End the requests that a lost node takes part in."""
        self._claims.lost(node)
        lives = node in self._bus.nodes
        self._edges.owner_lost(node, lives)
        self._serving.lost(node, lives)

    def _give_up(self) -> None:
        """End what waits for a bus that does not come back, on both ends."""
        self._edges.give_up()
        self._serving.let_go()

    def taken(self, key: str) -> None:
        """End a session that another node claimed meanwhile."""
        session_id = self._claims.session_of(key)
        if session_id is not None:
            self._claims.taken(session_id)
            session = self._router.sessions.get(session_id)
            if session is not None:
                session.end(NODE_GONE, "node_gone")

    def _told(self, node: str, kind: int, number: int, payload: bytes) -> None:
        edge = self._edges.get(number)
        if edge is not None and edge.owner == node:
            edge.told(kind, payload)
        elif kind in (wire.HEAD, wire.DATA):
            # It ended here meanwhile, and the owner may not have heard of that.
            self._post_to(node)(wire.told(wire.LOST, number, 0), urgent=True)


async def _done(later: Deferred[None] | None) -> None:
    if later is not None:
        await later
