"""`UnderWay`: what was sent to a client and is not known to have arrived.

Rules: sizes are as limits count them, in characters with a cost for each message; numbers count the
messages of a conversation.
"""

from __future__ import annotations

from collections import deque

from ...wire.limits import MESSAGE_COST, length
from ...wire.resumption import BadEnvelope


class UnderWay:
    """Messages that went out over the present connection, at most ``window`` and one more.

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
        """How many messages went to the client, since the beginning."""
        return self.acked + len(self._texts)

    @property
    def room(self) -> int:
        """How much more may go out; a message that begins in it may go beyond."""
        return self._window - self._size

    @property
    def is_half_free(self) -> bool:
        """Whether it is worth while to send more."""
        return 2 * self._size <= self._window

    def add(self, messages: list[str]) -> None:
        """Keep what goes out."""
        self._texts.extend(messages)
        self._size += length(messages) + MESSAGE_COST * len(messages)

    def acknowledged(self, number: int) -> None:
        """Forget what the client has; raises `BadEnvelope` for what was never sent."""
        if not self.acked <= number <= self.sent:
            raise BadEnvelope("it acknowledges what it can't have")
        while self.acked < number:
            self.acked += 1
            self._size -= len(self._texts.popleft()) + MESSAGE_COST

    def go_on(self, received: int) -> None:
        """Begin anew over another connection: nothing is under way, the client has this many."""
        self.acked = received

    def take_back(self) -> tuple[list[str], int]:
        """Return the messages, and their size: the connection is lost, and they may be."""
        messages, size = list(self._texts), self._size
        self._texts.clear()
        self._size = 0
        return messages, size
