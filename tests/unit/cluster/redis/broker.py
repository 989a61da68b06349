"""A connection to a broker that is not there: it keeps what it is asked, and a test answers."""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet.defer import Deferred, succeed

from txsockjs.cluster.redis.url import RedisURL


class FakeConnection:
    """Keeps scripts, commands, subscriptions and publications; ``full`` as a test sets it."""

    def __init__(self, url: RedisURL, reactor: Any = None, user: Any = None, scripts: Any = ()):
        self.url, self.user = url, user
        self.reached = True
        self.full = False
        self.happened: list[str] = []
        self.scripts: list[tuple[str, list[bytes], list[bytes], Any]] = []
        self.called: list[tuple[Any, ...]] = []
        self.told: list[tuple[bytes, ...]] = []
        self.published: list[tuple[bytes, bytes]] = []
        self.answers: list[Callable[[Any], object] | None] = []

    def start(self) -> None:
        self.happened.append("start")

    def stop(self) -> Deferred[None]:
        self.happened.append("stop")
        return succeed(None)

    def works(self) -> None:
        self.happened.append("works")

    def run(self, script: str, keys: list[bytes], arguments: list[bytes], answer: Any) -> None:
        self.scripts.append((script, keys, arguments, answer))

    def call(self, answer: Any, *words: bytes) -> None:
        self.called.append((answer, *words))

    def tell(self, *words: bytes) -> None:
        self.told.append(words)

    def publish(self, channel: bytes, message: bytes, answer: Any = None) -> None:
        self.published.append((channel, message))
        self.answers.append(answer)

    def take(self, script: str) -> list[tuple[list[bytes], list[bytes], Any]]:
        """Take what was asked of a script: its keys, its arguments, and what takes the answer."""
        found = [each[1:] for each in self.scripts if each[0] is script]
        self.scripts = [each for each in self.scripts if each[0] is not script]
        return found
