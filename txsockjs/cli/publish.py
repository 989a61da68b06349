"""``python -m txsockjs publish``: speaks to a room of a cluster, from a cron job or by hand."""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import sys
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.python import usage

from ..cluster.publisher import Publisher
from ..errors import SockJSError

# How long Redis is waited for, in seconds.
_PATIENCE = 5.0


class PublishOptions(usage.Options):
    """What to say, to whom."""

    synopsis = "[options] redis://HOST/DATABASE PREFIX ROOM TEXT..."
    longdesc = (
        "Send each TEXT to all members of a room. Example: "
        'python -m txsockjs publish redis://127.0.0.1/0 /chat lobby "The shop opens"'
    )
    optFlags: ClassVar[list[list[Any]]] = [
        ["post", None, "Each TEXT is JSON, for on_event of the members rather than for clients."],
    ]
    optParameters: ClassVar[list[list[Any]]] = [
        ["channel", None, "", "The multiplexed channel that the room is of."],
        ["cluster-secret", None, None, "The cluster_secret of the nodes."],
    ]

    def parseArgs(self, *words: str) -> None:
        """Take the broker, the room and the texts."""
        if len(words) < 4:
            raise usage.UsageError(f"wanted: {self.synopsis}")
        url, prefix, room, *texts = words
        self["url"], self["at"], self["name"] = url, prefix, room
        self["values"] = [self._read(text) for text in texts]

    def _read(self, text: str) -> Any:
        if not self["post"]:
            return text
        try:
            return json.loads(text)
        except ValueError as error:
            raise usage.UsageError(f"{text!r} is not JSON: {error}") from None


class Options(usage.Options):
    """The commands of ``python -m txsockjs``."""

    synopsis = "python -m txsockjs"
    subCommands: ClassVar[list[Any]] = [
        ["publish", None, PublishOptions, "Speak to a room of a cluster."],
    ]

    def postOptions(self) -> None:
        """Ask for a command."""
        if self.subCommand is None:
            raise usage.UsageError("wanted: publish; a server is started by twistd sockjs")


def main() -> None:
    """Carry out a command line; what is wrong is one line, and exit code 1."""
    options = Options()
    try:
        options.parseOptions()
    except usage.UsageError as error:
        sys.exit(f"txsockjs: {error}")
    react(lambda reactor: Deferred.fromCoroutine(_publish(reactor, options.subOptions)))


async def _publish(reactor: Any, options: Any) -> None:
    try:
        publisher = Publisher(
            options["url"], reactor, options["cluster-secret"], patience=_PATIENCE
        )
        room = publisher.room(options["at"], options["name"], options["channel"])
        say = room.post if options["post"] else room.send
        try:
            nodes = await say(*options["values"])
        finally:
            await publisher.close()
    except (SockJSError, ValueError) as error:
        sys.stderr.write(f"txsockjs: {error}\n")
        raise SystemExit(1) from None
    sys.stdout.write(f"published to {nodes} {'node' if nodes == 1 else 'nodes'}\n")
