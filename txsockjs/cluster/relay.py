"""`Relay`: the requests of a router's sessions, wherever they come to and wherever a session lives.

The owner of a session is the node that claimed its id, because the first receiver came to it. A
request for a session that is not here goes to its owner over the bus (`edge`); what comes from
other nodes is served by the router's own pages (`remote`).

Rules: a session that is here is served without the bus; nobody waits for the bus longer than
``disconnect_delay``; a request goes to one life of one node and is never sent again to another. A
node that may have no new session lets another one have it.
"""

from __future__ import annotations

import itertools
import random
from functools import partial
from typing import Any, Callable

from twisted.internet.defer import Deferred

from ..errors import NotFound, Overloaded, RequestError
from ..http.exchange import Exchange
from ..wire import relay as wire
from .bus import Bus, Owner
from .claims import Claims
from .edge import NODE_GONE, Edge, Speaker
from .edges import Edges
from .outage import Outage
from .remote import describe
from .serving import TO_OWNER, Router, Serving

# How often a request looks for the owner anew if the one that it found says that it is not.
_MOST_TRIES = 3
# How long, in seconds, a receiver waits for the end of the one before it to reach the client.
_LEAVING = 5.0

#: Serves a request on this node; the Deferred fails with what is to be answered instead.
Here = Callable[[], "Deferred[None] | None"]


class Relay:
    """What connects a router with those at the same prefix of other nodes."""

    def __init__(self, router: Router, bus: Bus) -> None:
        self._router = router
        self._bus = bus
        self._port = f"relay {router.prefix}"
        self._patience = router.settings.disconnect_delay
        scope = f"session {router.prefix} "
        self._claims = Claims(bus, router.reactor, scope, self._patience)
        self._numbers = itertools.count()
        self._edges = Edges()
        self._serving = Serving(router, self._claims, bus.counters, self._post)
        self._outage = Outage(bus, router.reactor, self._patience, self._give_up)
        self.away = self._outage.began  # told by the bus
        self.back = self._outage.ended
        bus.listen(self._port, self)

    # -- asked by the transports

    def must_wait(self, session: Any) -> bool:
        """Tell whether a request for a session that is here can't be served at once."""
        return not self._bus.settled or session.receiver_is_leaving

    def attach(
        self, exchange: Exchange, session_id: str, name: str, speaker: Speaker, here: Here
    ) -> Deferred[None]:
        """Serve a receiver's request by ``here()``, or by the session's owner.

        ``name`` is the last segment of its URL. The Deferred fails with what is to be answered
        instead.
        """
        return self._serve(exchange, session_id, name, speaker, here, self._attach)

    def send(self, exchange: Exchange, session_id: str, name: str, here: Here) -> Deferred[None]:
        """Serve a sender's request by ``here()``, or by the session's owner; as `attach`."""
        return self._serve(exchange, session_id, name, None, here, self._send)

    def _serve(
        self,
        exchange: Exchange,
        session_id: str,
        name: str,
        speaker: Speaker | None,
        here: Here,
        look: Callable[..., Any],
    ) -> Deferred[None]:
        """Relay a request at once if the owner is known, as it is for most; else look for it."""
        node = self._claims.known(session_id)
        if (
            node is None
            or exchange.is_relayed
            or not self._bus.settled
            or self._router.sessions.get(session_id) is not None
        ):
            return Deferred.fromCoroutine(look(exchange, session_id, name, speaker, here, None))
        if speaker is not None:
            exchange.set_peer_timeout(self._router.settings.peer_timeout)
        body = exchange.take_body()

        def again(found: bool) -> Deferred[None] | None:
            if found:
                return None
            return Deferred.fromCoroutine(look(exchange, session_id, name, speaker, here, body))

        relayed = self._relayed(exchange, session_id, name, node, speaker, body)
        return relayed.addCallback(again)

    async def _attach(
        self,
        exchange: Exchange,
        session_id: str,
        name: str,
        speaker: Speaker,
        here: Here,
        body: bytes | None,
    ) -> None:
        await self._settled(exchange)
        session = self._router.sessions.get(session_id)
        if session is not None or exchange.is_relayed:
            if session is not None and session.receiver_is_leaving:
                # Its client has the end of the answer before, or will never have it.
                await self._claims.until(exchange, session.when_left, _LEAVING)
            await self._here(session_id, here)
            return
        for _ in range(_MOST_TRIES):
            owner = await self._owner(exchange, session_id)
            if owner is not None and owner.node == self._bus.node:
                try:
                    await self._here(session_id, here)
                    return
                except Overloaded:  # since it asked, the node is full, or about to stop
                    owner = None
            if owner is not None and not owner.alive:
                speaker.close(NODE_GONE, started=False)
                return
            node = self._another() if owner is None else owner.node
            exchange.set_peer_timeout(self._router.settings.peer_timeout)
            body = exchange.take_body() if body is None else body
            opens = owner is None
            if await self._relayed(exchange, session_id, name, node, speaker, body, opens):
                return
        raise Overloaded()

    async def _send(
        self,
        exchange: Exchange,
        session_id: str,
        name: str,
        speaker: None,
        here: Here,
        body: bytes | None,
    ) -> None:
        await self._settled(exchange)
        if exchange.is_relayed or (body is None and self._router.sessions.get(session_id)):
            await _done(here())
            return
        for _ in range(_MOST_TRIES):
            owner = await self._claims.find(exchange, session_id)
            if owner is None or not owner.alive or owner.node == self._bus.node:
                break
            body = exchange.take_body() if body is None else body
            if await self._relayed(exchange, session_id, name, owner.node, None, body):
                return
        raise NotFound()

    async def _here(self, session_id: str, here: Here) -> None:
        try:
            await _done(here())
        finally:
            if self._router.sessions.get(session_id) is None:
                self._claims.release(session_id)  # it was not to be

    async def _owner(self, exchange: Exchange, session_id: str) -> Owner | None:
        """Return a session's owner, this node if nobody was; None if another may be."""
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
        """Return another node, to open a session that this one may not."""
        others = sorted(self._bus.nodes - {self._bus.node})
        if not others:
            raise Overloaded()
        return random.choice(others)

    def _relayed(
        self,
        exchange: Exchange,
        session_id: str,
        name: str,
        node: str,
        speaker: Speaker | None,
        body: bytes,
        opens: bool = False,
    ) -> Deferred[bool]:
        """Fire with whether a node answered; false if the session is not there.

        ``opens`` is whether it is to open the session.
        """
        number = next(self._numbers)
        edge = Edge(exchange, node, number, speaker, partial(self._post, node), self._edges.over)
        self._edges.add(number, edge)
        self._bus.counters["requests_relayed"] += 1
        edge.begin(describe(exchange, name, session_id), opens, body)

        def look(found: bool) -> bool:
            if not found:
                self._claims.mistaken(session_id)
            return found

        return edge.result.addCallback(look)

    def _post(self, node: str, frame: bytes, urgent: bool = False) -> None:
        self._bus.send(node, self._port, frame, urgent)

    # -- waiting

    async def _settled(self, exchange: Exchange) -> None:
        """Wait until it is known whether this node's claims hold."""
        if not self._bus.settled:
            await self._claims.until(exchange, self._bus.when_settled, self._patience)

    # -- told by the router and its service

    def leave(self) -> Deferred[None]:
        """Have the clients of others' sessions ask another node.

        Their receivers end; the Deferred fires when their senders were answered, too.
        """
        return self._edges.leave()

    def forget(self, session_id: str) -> None:
        """Note that a session is no more."""
        self._claims.release(session_id)

    @property
    def claimed(self) -> int:
        """How many sessions this node owns."""
        return len(self._claims)

    @property
    def may_expire(self) -> bool:
        """Whether sessions may end for want of a receiver: not while some can't come."""
        return self._outage.may_expire

    # -- told by the bus

    def received(self, node: str, data: bytes) -> None:
        """Take a frame of another node."""
        try:
            kind, number, payload = wire.split(data)
            if kind in TO_OWNER:
                self._serving.told(node, kind, number, payload)
            else:
                self._told(node, kind, number, payload)
        except wire.BadFrame:
            self._bus.counters["frames_invalid"] += 1

    def lost(self, node: str) -> None:
        """End what another node had to do with."""
        self._claims.lost(node)
        self._edges.owner_lost(node)
        self._serving.lost(node)

    def _give_up(self) -> None:
        """End what waits for a bus that does not come back, at both ends."""
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
            # It was ended here meanwhile, of which the owner may not have heard.
            self._post(node, wire.told(wire.LOST, number, 0), urgent=True)


async def _done(later: Deferred[None] | None) -> None:
    if later is not None:
        await later
