"""What resumption costs: echoes of a plain and of a resumable connection, in one process.

``python benchmarks/resuming.py [ROUNDS]``. Both are served in memory, in turns, 10 messages in
flight and 32 B each, through the whole server but the kernel; the client's part, which is the same
for both but for its acknowledgements, is made once before. Prints processor time per echo, the
fastest of the rounds, and the ratio.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from twisted.internet.task import Clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.resume import ResumableConnection
from txsockjs.testing import Connection, start

IN_FLIGHT = 10
TEXT = "x" * 32
BATCHES = 2000


class Echo(SockJSConnection):
    def on_message(self, message: Any) -> None:
        self.send(message)


class ResumableEcho(ResumableConnection, Echo):
    pass


def frame(*messages: str) -> bytes:
    """A client's text frame, unmasked by a mask of zeros, with messages as SockJS wants them."""
    payload = json.dumps(messages).encode()
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + payload


class Session:
    """One websocket, and the frames that its client sends again and again."""

    def __init__(self, cls: type[SockJSConnection], resumes: bool) -> None:
        self.clock = Clock()
        self.router = SockJSRouter(cls, reactor=self.clock)
        start(self.router)
        query = "?resume=1" if resumes else ""
        self.connection = Connection(self.router.resource(), self.clock)
        self.connection.upgrade(f"/000/abc/websocket{query}")
        self.resumes = resumes
        self.received = 0
        if resumes:
            self.connection.send(frame("n"))
        self.echoes = frame("m" + TEXT if resumes else TEXT) * IN_FLIGHT

    def batch(self) -> None:
        """Ten echoes; every second time a resumable client acknowledges what it has."""
        self.connection.send(self.echoes)
        self.clock.advance(0)  # what is left of a turn
        self.received += IN_FLIGHT
        if self.resumes and self.received % (2 * IN_FLIGHT) == 0:
            self.connection.send(frame(f"a{self.received}"))

    def measure(self) -> float:
        """Return the processor time of an echo, in microseconds."""
        began = time.process_time()
        for _ in range(BATCHES):
            self.batch()
        spent = time.process_time() - began
        echoes = self.connection.received.count(TEXT.encode())
        assert echoes == BATCHES * IN_FLIGHT, f"{echoes} echoes came"
        self.connection.transport.clear()
        return spent / (BATCHES * IN_FLIGHT) * 1e6


def main() -> None:
    """Measure both in turns."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    sessions = {"plain": Session(Echo, False), "resumable": Session(ResumableEcho, True)}
    best = dict.fromkeys(sessions, float("inf"))
    for _ in range(rounds):
        for name, session in sessions.items():
            best[name] = min(best[name], session.measure())
    for name, spent in best.items():
        print(f"{name:10} {spent:.2f} us per echo")
    print(f"ratio      {best['resumable'] / best['plain']:.2f}")


if __name__ == "__main__":
    main()
