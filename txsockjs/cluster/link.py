"""`Link`: messages between two nodes, in order and exactly once, over a carrier without guarantees.

Both directions are numbered. Up to `WINDOW` bytes of unacknowledged messages are kept, and sent
again when the other end misses them or is silent. A link has an epoch: an end that takes the other
for lost starts the next epoch, and the other end learns from this that it was taken for lost.

A packet is a head (`_HEAD`) and messages, each after its length in four bytes. The head has the
version, flags, the epoch, the number of the next expected message, and that of the first message in
the packet.

Rules: no I/O and no names of nodes here; `links` has those. An invalid packet is dropped and
counted. The timers here only send, so none of them has to survive a stall.
"""

from __future__ import annotations

import struct
from collections import Counter, deque
from typing import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

VERSION = 1
#: The most bytes under way, and the most in a packet of more than one message.
WINDOW = 1024 * 1024
PACKET = 64 * 1024
# In seconds: after how long silence counts as a loss, and how long an acknowledgement waits for a
# message to leave with.
RESEND_DELAY = 1.0
ACK_DELAY = 0.05
# After this many bytes, it does not wait.
_ACK_SIZE = WINDOW // 4

_HEAD = struct.Struct("!BBIQQ")
_LENGTH = struct.Struct("!I")
# A flag: messages before the first one of a packet did not arrive.
_MISSING = 1


class Link:
    """One end of a link.

    ``post`` passes a packet to the carrier, ``received`` takes each message. ``broken`` is called
    when the other end took this one for lost: messages under way, both ways, may not arrive.
    """

    def __init__(
        self,
        clock: IReactorTime,
        post: Callable[[bytes], object],
        received: Callable[[bytes], object],
        broken: Callable[[], object],
        counters: Counter[str],
    ) -> None:
        self._clock = clock
        self._post = post
        self._received = received
        self._broken = broken
        self._counters = counters
        self._epoch = 1
        self._timer: IDelayedCall | None = None
        self._flush_call: IDelayedCall | None = None
        self._ack_call: IDelayedCall | None = None
        self._start()

    def _start(self) -> None:
        self._waiting: deque[bytes] = deque()  # for room in the window
        self._sent: deque[bytes] = deque()  # but not acknowledged
        self._sent_size = 0
        self._first = 0  # the number of the first sent message
        self._posted = 0  # the number of the first message not yet passed to the carrier
        self._recovering_from: int | None = None
        self._recover_to = 0  # the number of the first message not sent before the loss
        self._expected = 0  # the number of the next message to arrive
        self._unacknowledged = 0  # how many bytes arrived since the last acknowledgement

    @property
    def waiting(self) -> int:
        """How many messages wait for room in the window."""
        return len(self._waiting)

    # -- sending

    def send(self, message: bytes, urgent: bool = False) -> None:
        """Send a message together with others of this iteration; an urgent one does not wait."""
        if urgent or (not self._waiting and self._sent_size < WINDOW):
            self._append(message)
        else:
            self._waiting.append(message)
        self._flush_soon()

    def reset(self) -> None:
        """Start a new epoch, because the other end is taken for lost; calls nobody here."""
        self._begin(self._epoch + 1)

    def _begin(self, epoch: int) -> None:
        self.stop()
        self._epoch = epoch
        self._start()

    def stop(self) -> None:
        """Leave no timer behind."""
        for call in (self._timer, self._flush_call, self._ack_call):
            if call is not None and call.active():
                call.cancel()
        self._timer = self._flush_call = self._ack_call = None

    def resend(self) -> None:
        """Send unacknowledged messages again, because the carrier may have dropped them."""
        if self._sent:
            self._recover()

    def _append(self, message: bytes) -> None:
        self._sent.append(message)
        self._sent_size += len(message)

    def _flush_soon(self) -> None:
        if self._flush_call is None:
            self._flush_call = self._clock.callLater(0, self._flush)

    def _flush(self) -> None:
        self._flush_call = None
        while self._waiting and self._sent_size < WINDOW:
            self._append(self._waiting.popleft())
        if self._recovering_from is not None:
            return  # new messages follow once old ones have arrived
        end = self._first + len(self._sent)
        while self._posted < end:
            self._posted = self._post_packet(self._posted)
        self._watch()

    def _post_packet(self, first: int) -> int:
        """Post as much as fits into one packet, and return the number of the message after it."""
        parts: list[bytes] = []
        size = 0
        for place in range(first - self._first, len(self._sent)):
            message = self._sent[place]
            size += len(message)
            if parts and size > PACKET:
                break
            parts += (_LENGTH.pack(len(message)), message)
        self._post_head(first, parts)
        return first + len(parts) // 2

    def _post_head(self, first: int, parts: list[bytes], flags: int = 0) -> None:
        if self._ack_call is not None:
            self._ack_call.cancel()
            self._ack_call = None
        self._unacknowledged = 0
        head = _HEAD.pack(VERSION, flags, self._epoch, self._expected, first)
        self._post(b"".join((head, *parts)))

    def _watch(self) -> None:
        """Check after a while whether messages were acknowledged."""
        if self._sent and self._timer is None:
            self._timer = self._clock.callLater(RESEND_DELAY, self._look, self._first)

    def _look(self, first: int) -> None:
        self._timer = None
        if self._sent and self._first == first:
            self._recover()
        self._watch()

    def _recover(self) -> None:
        """Send the first packet again; each acknowledgement triggers the next one."""
        self._counters["packets_resent"] += 1
        if self._recovering_from is None:
            self._recover_to = self._posted
        self._recovering_from = self._first
        self._posted = max(self._posted, self._post_packet(self._first))
        self._watch()

    def _acknowledge(self, expected: int, missing: bool) -> None:
        """Forget the messages that the other end has."""
        if expected < self._first or expected > self._first + len(self._sent):
            return  # late or invalid
        progress = expected > self._first
        while self._first < expected:
            self._first += 1
            self._sent_size -= len(self._sent.popleft())
        self._posted = max(self._posted, self._first)
        if not self._sent and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._sent or self._first >= self._recover_to:
            self._recovering_from = None
        if (
            self._sent
            and (missing or self._recovering_from is not None)
            and (progress or self._recovering_from != self._first)
        ):
            self._recover()
        if self._waiting or (self._recovering_from is None and self._posted < self._end):
            self._flush_soon()

    @property
    def _end(self) -> int:
        return self._first + len(self._sent)

    # -- receiving

    def take(self, packet: bytes) -> None:
        """Take a packet from the carrier."""
        try:
            version, flags, epoch, expected, first = _HEAD.unpack_from(packet)
            messages = _split(packet, _HEAD.size)
        except (struct.error, ValueError):
            self._counters["packets_invalid"] += 1
            return
        if version != VERSION:
            self._counters["packets_invalid"] += 1
            return
        if epoch < self._epoch:
            self._counters["packets_late"] += 1
            if messages:  # the other end does not know yet that it was taken for lost
                self._post_head(self._end, [])
            return
        if epoch > self._epoch:
            used = self._expected or self._end or self._waiting
            self._begin(epoch)
            if used:
                self._broken()
        self._acknowledge(expected, bool(flags & _MISSING))
        if messages:
            self._take_messages(first, messages)

    def _take_messages(self, first: int, messages: list[bytes]) -> None:
        if first > self._expected:
            self._counters["packets_early"] += 1
            self._post_head(self._end, [], _MISSING)
            return
        new = messages[self._expected - first :]
        if not new:
            self._counters["packets_doubled"] += 1
            self._post_head(self._end, [])  # perhaps the acknowledgement was lost
            return
        epoch = self._epoch
        for message in new:
            self._expected += 1
            self._unacknowledged += len(message)
            self._received(message)
            if self._epoch != epoch:
                return  # the receiver of the message has started a new epoch
        if self._unacknowledged >= _ACK_SIZE:
            self._post_head(self._end, [])
        elif self._ack_call is None:
            self._ack_call = self._clock.callLater(ACK_DELAY, self._ack)

    def _ack(self) -> None:
        self._ack_call = None
        self._post_head(self._end, [])


def _split(packet: bytes, place: int) -> list[bytes]:
    messages = []
    while place < len(packet):
        (size,) = _LENGTH.unpack_from(packet, place)
        place += _LENGTH.size
        if size > len(packet) - place:
            raise ValueError("a message is longer than its packet")
        messages.append(packet[place : place + size])
        place += size
    return messages
