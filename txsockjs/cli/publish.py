"""``python -m txsockjs publish``: sends to a room of a cluster, from a cron job or by hand."""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import sys
from typing import ClassVar

from twisted.internet.interfaces import IReactorTime
from twisted.python import usage

from ..cluster.publisher import Publisher
from ..errors import SockJSError

# How many seconds to wait for Redis.
_PATIENCE = 5.0


class PublishOptions(usage.Options):
    """What to send, and to whom."""

    synopsis = "[options] redis://HOST/DATABASE PREFIX ROOM TEXT..."
    longdesc = (
        "Send each TEXT to all members of a room. Example: "
        'python -m txsockjs publish redis://127.0.0.1/0 /chat lobby "The shop opens"'
    )
    optFlags: ClassVar[list[list[object]]] = [
        ["post", None, "Each TEXT is JSON, for on_event of the members rather than for clients."],
    ]
    optParameters: ClassVar[list[list[object]]] = [
        ["channel", None, "", "The multiplexed channel that the room is of."],
        ["cluster-secret", None, None, "The cluster_secret of the nodes."],
    ]

    def parseArgs(self, *words: str) -> None:
        """Parse the broker, the room and the texts."""
        if len(words) < 4:
            raise usage.UsageError(f"wanted: {self.synopsis}")
        url, prefix, room, *texts = words
        self["url"], self["at"], self["name"] = url, prefix, room
        self["values"] = [self._read(text) for text in texts]

    def _read(self, text: str) -> object:
        if not self["post"]:
            return text
        try:
            return json.loads(text)
        except ValueError as error:
            raise usage.UsageError(f"{text!r} is not JSON: {error}") from None

    async def run(self, reactor: IReactorTime) -> int:
        """Publish, and return the exit code."""
        try:
            publisher = Publisher(self["url"], reactor, self["cluster-secret"], patience=_PATIENCE)
            room = publisher.room(self["at"], self["name"], self["channel"])
            speak = room.post if self["post"] else room.send
            try:
                nodes = await speak(*self["values"])
            finally:
                await publisher.close()
        except (SockJSError, ValueError) as error:
            sys.stderr.write(f"txsockjs: {error}\n")
            return 1
        sys.stdout.write(f"published to {nodes} {'node' if nodes == 1 else 'nodes'}\n")
        return 0
