"""`UnderWay`: the messages sent to a client that are not known to have arrived.

Rules: sizes are as limits count them, in characters plus a cost for each message; numbers count the
messages since the session began.
"""

from __future__ import annotations

from collections import deque

from ...wire.limits import MESSAGE_COST, length
from ...wire.resumption import BadEnvelope


class UnderWay:
    """Messages sent over the present connection, up to the size ``window`` and one more.

    ``acked`` is how many messages the client is known to have, since the beginning.
    """

    __slots__ = ("_size", "_texts", "_window", "acked")

    def __init__(self, window: int) -> None:
        self.acked = 0
        self._window = window
        self._texts: deque[str] = deque()
        self._size = 0

    @property
    def sent(self) -> int:
        """How many messages were sent to the client, since the beginning."""
        return self.acked + len(self._texts)

    @property
    def room(self) -> int:
        """How much more may be sent; the last message may exceed it."""
        return self._window - self._size

    @property
    def is_half_free(self) -> bool:
        """Whether there is enough room to send more."""
        return 2 * self._size <= self._window

    def add(self, messages: list[str]) -> None:
        """Keep messages that are sent."""
        self._texts.extend(messages)
        self._size += length(messages) + MESSAGE_COST * len(messages)

    def acknowledged(self, number: int) -> None:
        """Forget the messages the client has; raise `BadEnvelope` for a number never sent."""
        if not self.acked <= number <= self.sent:
            raise BadEnvelope("it acknowledges what it can't have")
        while self.acked < number:
            self.acked += 1
            self._size -= len(self._texts.popleft()) + MESSAGE_COST

    def go_on(self, received: int) -> None:
        """Go on over another connection: nothing is under way, and the client has this many."""
        self.acked = received

    def take_back(self) -> tuple[list[str], int]:
        """Return the messages and their size: they may be lost with the connection."""
        messages, size = list(self._texts), self._size
        self._texts.clear()
        self._size = 0
        return messages, size
