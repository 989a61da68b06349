"""`Reader`: turns the bytes of a websocket's client into items, without I/O.

Rules: final frames beyond doubt are read straight from the bytes (`wire.whole_frames`); anything
else goes to Autobahn's protocol, which is made when first needed. Reading can stop after any item:
the rest stays undecoded.
"""

from __future__ import annotations

import enum
from typing import Any, Callable

from ...errors import BatchTooLarge, MessageTooLarge, RequestError
from ...wire.frames import BINARY, CLOSE, PING, PONG, TEXT
from ...wire.limits import Limits
from ...wire.whole_frames import Decoders, PartialFrame, read_control, read_messages, read_partial
from .autobahn import AutobahnProtocol, FrameListener

_UNSUPPORTED = 1003
_BROKEN = 1007
_TOO_LARGE = 1009
# How many bytes Autobahn gets at a time, unless all are of one frame.
_SLICE = 512


class Kind(enum.Enum):
    """The kinds of items, with their values."""

    MESSAGES = "messages"  # those of one or more frames, decoded
    PING = "ping"  # its payload
    CLOSED = "closed"  # the payload of a close frame, the last item
    BROKEN = "broken"  # (code, reason): a message with invalid content
    VIOLATED = "violated"  # (code, reason): RFC 6455 was broken, the last item
    NOTHING = "nothing"  # frames that need no action, such as a pong; the value has no meaning


MESSAGES, PINGED, CLOSED, BROKEN, VIOLATED, NOTHING = Kind

_KIND_OF = {CLOSE: CLOSED, PING: PINGED, PONG: NOTHING}

#: A kind, its value, and how many frames it took.
Item = tuple[Kind, Any, int]


def read_whole_control(data: bytes) -> Item | None:
    """Return the item of a read that is one control frame, or None."""
    control = read_control(data, 0)
    if control is None or control[2] != len(data):
        return None
    return _KIND_OF[control[0]], control[1], 1


class Reader:
    """Reads the bytes of one client.

    ``decoders`` are by the first byte of a final frame; ``longest`` is the size in bytes of the
    largest payload; ``make_autobahn`` makes the protocol that reads the rest for this listener.
    """

    __slots__ = (
        "_autobahn",
        "_data",
        "_decoders",
        "_items",
        "_limits",
        "_longest",
        "_make_autobahn",
        "_over",
        "_partial",
        "_position",
    )

    def __init__(
        self,
        decoders: Decoders,
        limits: Limits,
        longest: int,
        make_autobahn: Callable[[FrameListener, int], AutobahnProtocol],
    ) -> None:
        self._decoders = decoders
        self._limits = limits
        self._longest = longest
        self._make_autobahn = make_autobahn
        self._autobahn: AutobahnProtocol | None = None
        self._partial: PartialFrame | None = None
        self._data: bytes | bytearray = b""
        self._position = 0  # where the unread bytes begin
        self._items: list[Item] = []  # the items of Autobahn's last slice, in reverse order
        self._over = False

    def feed(self, data: bytes) -> None:
        """Take bytes for `next` to read."""
        if self._over:
            return
        if self._data:
            if not isinstance(self._data, bytearray):
                self._data = bytearray(self._data[self._position :])
                self._position = 0
            self._data += data
        elif self._partial is None:
            self._data = data
        elif not self._partial.add(data):
            partial, self._partial = self._partial, None
            self._data = partial.joined(data)

    def next(self, most: int) -> Item | None:
        """Return the next item, of up to ``most`` frames if possible; None if bytes are missing."""
        if self._items:
            return self._next_noted()
        data, position = self._data, self._position
        if not data:
            return None
        if isinstance(data, bytearray):
            data = self._data = bytes(data)
        autobahn = self._autobahn
        if autobahn is not None and not autobahn.is_between_messages:
            return self._next_from(autobahn, data)
        messages, end, frames = read_messages(
            data, position, self._longest, self._decoders, self._limits, most
        )
        if frames:
            if end == len(data):
                self._data, self._position = b"", 0
            else:
                self._position = end
            return MESSAGES, messages, frames
        control = read_control(data, position)
        if control is not None:
            opcode, payload, end = control
            self._go_to(end)
            if opcode == CLOSE:
                self.stop()
            return _KIND_OF[opcode], payload, 1
        if data[position] in self._decoders:
            self._partial = read_partial(data[position:], self._longest, self._decoders)
            if self._partial is not None:
                self._go_to(len(data))
                return None
        if autobahn is None:
            autobahn = self._autobahn = self._make_autobahn(self, self._longest)
        return self._next_from(autobahn, data)

    @property
    def has_more(self) -> bool:
        """Whether there are bytes or items that `next` has not returned."""
        return bool(self._data or self._items)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits in it, and no message has begun."""
        return not (self._data or self._items) and self._partial is None and self._autobahn is None

    @property
    def gathered(self) -> int | None:
        """How many bytes of an incomplete message have arrived; None between messages."""
        if self._partial is not None:
            return len(self._partial)
        autobahn = self._autobahn
        if autobahn is None or autobahn.is_between_messages:
            return None
        return autobahn.gathered

    def trim(self) -> None:
        """Free the memory of bytes that were read."""
        self._data = self._data[self._position :]
        self._position = 0

    def stop(self) -> None:
        """Read nothing more."""
        self._over = True
        self._partial = None
        self._go_to(len(self._data))
        self._items = []
        autobahn, self._autobahn = self._autobahn, None
        if autobahn is not None:
            autobahn.leave()

    def _go_to(self, position: int) -> None:
        if position < len(self._data):
            self._position = position
        else:
            self._data, self._position = b"", 0

    def _next_from(self, autobahn: AutobahnProtocol, data: bytes) -> Item:
        """Let Autobahn read a slice: it can't be stopped, and copies the rest at each frame."""
        frames = autobahn.frames
        end = self._position + max(_SLICE, autobahn.missing)
        piece = data[self._position : end]
        self._go_to(end)
        autobahn.dataReceived(piece)
        self._items.append((NOTHING, None, autobahn.frames - frames + 1))
        self._items.reverse()
        return self._next_noted()

    def _next_noted(self) -> Item:
        item = self._items.pop()
        if item[0] is CLOSED or item[0] is VIOLATED:
            self.stop()
        return item

    # -- told by Autobahn

    def received(self, payload: bytes, binary: bool) -> None:
        """Decode a message."""
        decode = self._decoders.get(0x80 | (BINARY if binary else TEXT))
        if decode is None:
            self._items.append((BROKEN, (_UNSUPPORTED, "Text expected."), 0))
            return
        try:
            messages = decode(payload)
            self._limits.check(messages, len(payload))
        except (MessageTooLarge, BatchTooLarge) as error:
            self._items.append((BROKEN, (_TOO_LARGE, error.wording), 0))
        except RequestError as error:
            self._items.append((BROKEN, (_BROKEN, error.wording), 0))
        else:
            self._items.append((MESSAGES, messages, 0))

    def pinged(self, payload: bytes) -> None:
        """Note a ping."""
        self._items.append((PINGED, payload, 0))

    def close_received(self, payload: bytes) -> None:
        """Note a close frame; Autobahn reads no further."""
        self._items.append((CLOSED, payload, 0))

    def fail(self, code: int, reason: str) -> None:
        """Note a violation; Autobahn reads no further."""
        self._items.append((VIOLATED, (code, reason), 0))
