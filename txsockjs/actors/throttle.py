"""`ThrottledApplication`: holds its client back when it sends faster than it may.

Rules: a client over its rate waits as for a full mailbox, and nothing is dropped. Messages that
arrive together are taken together, and the client waits for their time afterwards.
"""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall

from .application import Application, SessionForApplication
from .bucket import Bucket
from .connection import SockJSConnection
from .interfaces import RouterForSessions

# The shortest wait, in seconds: a client over a high rate waits once for several messages.
_SHORTEST = 0.1


class ThrottledApplication(Application):
    """An application whose router has a ``message_rate``."""

    __slots__ = ("_bucket", "_timer")

    def __init__(
        self,
        conn: type[SockJSConnection],
        router: RouterForSessions,
        session: SessionForApplication,
    ) -> None:
        super().__init__(conn, router, session)
        rate = router.settings.message_rate
        assert rate is not None
        self._bucket = Bucket(rate, router.reactor.seconds())
        self._timer: IDelayedCall | None = None  # while somebody may wait for it

    def receive(self, messages: list[str | bytes]) -> bool:
        """Call ``on_message`` for each message; return whether the client must wait."""
        self._bucket.take(self._router.reactor.seconds(), len(messages))
        super().receive(messages)
        return self._wait() > 0

    def has_room(self, mark: int) -> bool:
        """Return whether there is room; if the rate is exceeded, check again in time."""
        wait = self._wait()
        if wait and self._timer is None:
            self._timer = self._router.reactor.callLater(max(wait, _SHORTEST), self._look_again)
        return not wait and super().has_room(mark)

    def shut(self, drop: bool) -> int:
        """Take nothing more; nobody has to wait after that."""
        if self._timer is not None:
            timer, self._timer = self._timer, None
            timer.cancel()
        return super().shut(drop)

    def _wait(self) -> float:
        return self._bucket.wait(self._router.reactor.seconds())

    def _look_again(self) -> None:
        self._timer = None
        self.look()
