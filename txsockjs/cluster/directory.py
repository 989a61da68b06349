"""`Directory`: what the parent of workers knows of them: who is alive, and who owns what.

Rules: the end of its stream is the end of a process; its claims are remembered for `MEMORY`
seconds, unless it left in an orderly way.
"""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .bus import MEMORY
from .streams import Control


class Directory:
    """The directory of one machine's processes."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._members: dict[str, Member] = {}
        self._claims: dict[str, str] = {}
        self._keys: dict[str, set[str]] = {}  # of each node, ended ones included
        self._forgetting: dict[str, IDelayedCall] = {}  # the timers of ended nodes

    def member(self, told: Callable[[dict[str, object]], object] = lambda table: None) -> Member:
        """Make the protocol of one process's stream.

        ``told`` gets the tables that are not for the directory.
        """
        return Member(self, self._reactor, told)

    @property
    def nodes(self) -> dict[str, str]:
        """The path of each living process, by name."""
        return {node: member.path for node, member in self._members.items()}

    def stop(self) -> None:
        """Leave no timer behind."""
        for call in self._forgetting.values():
            call.cancel()
        self._forgetting.clear()

    # -- told by members

    def join(self, member: Member) -> None:
        """Note a new process, and tell all others."""
        self._members[member.node] = member
        self._keys.setdefault(member.node, set())
        self._tell_all()

    def leave(self, node: str, in_order: bool) -> None:
        """Note that a process ended."""
        if self._members.pop(node, None) is None:
            return
        if in_order:
            self._forget(node)
        else:
            self._forgetting[node] = self._reactor.callLater(MEMORY, self._forget, node)
        self._tell_all()

    def claim(self, node: str, key: str) -> tuple[str, bool]:
        """Return the owner of a key (``node`` if there was none), and whether it is alive."""
        owner = self._claims.setdefault(key, node)
        if owner == node:
            self._keys[node].add(key)
        return owner, owner in self._members

    def find(self, key: str) -> tuple[str, bool] | None:
        """Return the owner of a key, if there is one, and whether it is alive."""
        owner = self._claims.get(key)
        return None if owner is None else (owner, owner in self._members)

    def release(self, node: str, key: str) -> None:
        """Give up a claim of a node."""
        if self._claims.get(key) == node:
            del self._claims[key]
            self._keys[node].discard(key)

    def _forget(self, node: str) -> None:
        call = self._forgetting.pop(node, None)
        if call is not None and call.active():
            call.cancel()
        for key in self._keys.pop(node, ()):
            self._claims.pop(key, None)

    def _tell_all(self) -> None:
        nodes = self.nodes
        for member in list(self._members.values()):
            member.say(nodes=nodes)


class Member(Control):
    """The directory's end of a process's stream."""

    def __init__(
        self,
        directory: Directory,
        reactor: IReactorTime,
        told: Callable[[dict[str, object]], object],
    ) -> None:
        super().__init__(reactor, self._do, self._left)
        self.node = ""
        self.path = ""
        self._directory = directory
        self._other = told

    def _do(self, table: dict[str, Any]) -> None:
        directory, what = self._directory, table.get("do")
        if what == "join":
            self.node, self.path = table["node"], table["path"]
            directory.join(self)
        elif what == "leave":
            directory.leave(self.node, in_order=True)
        elif what == "claim":
            self.say(answer=table["number"], owner=directory.claim(self.node, table["key"]))
        elif what == "find":
            self.say(answer=table["number"], owner=directory.find(table["key"]))
        elif what == "release":
            directory.release(self.node, table["key"])
        else:
            self._other(table)

    def _left(self) -> None:
        self._directory.leave(self.node, in_order=False)
