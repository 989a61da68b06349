"""A client of resumable connections in memory, written from docs/resume.md alone."""

from __future__ import annotations

from typing import Any, Callable

from hypothesis import strategies as st

from txsockjs import SockJSRouter
from txsockjs.resume import ResumableConnection
from txsockjs.testing import TRANSPORTS, Client, connect

#: What happens to a client, each with a number; in the end it is not away for too long.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["say", "hear", "read", "drop", "vanish", "come", "wait", "burst", "repeat", "miss"]
        ),
        st.integers(0, len(TRANSPORTS) - 1),
    ),
    max_size=25,
)
_SECONDS = (0.001, 0.02, 0.5, 2.0, 0.01, 0.1, 1.5)


class Chat(ResumableConnection):
    """Answers what it is told, and keeps a list of what happened."""

    log: list[Any]

    def on_open(self, info: Any) -> None:
        self.log.append("open")

    def on_message(self, message: str) -> None:
        self.log.append(message)

    def on_suspend(self) -> None:
        self.log.append("suspend")

    def on_resume(self, info: Any) -> None:
        assert self.info is info
        self.log.append("resume")

    def on_close(self) -> None:
        self.log.append(("close", self.close_reason))


class ResumingClient:
    """Comes back with its token, sends again what the server has not got, and counts."""

    def __init__(self, router: SockJSRouter, transport: str = "websocket") -> None:
        self.router = router
        self.transport = transport
        self.token = ""
        self.got: list[str] = []  # messages, in order
        self.events: list[str] = []
        self.unacked: list[str] = []
        self.acked = 0  # of those that it sent
        self.received = 0  # of those that it was sent, since it began
        self.told = 0
        self.acknowledges = True
        self.client: Client | None = None
        self.joined = self.asked = False
        self.missed = False  # something was lost on its way

    @property
    def numbers(self) -> bool:
        """Whether messages have numbers, as over HTTP."""
        return self.client is not None and "websocket" not in self.client.transport

    def come(self, transport: str | None = None) -> None:
        """Connect, and begin or resume."""
        self.client = connect(self.router, transport or self.transport, query="resume=1")
        self.joined = self.asked = self.missed = False
        self.read()

    def send(self, *texts: str) -> None:
        """Send messages, now or when it is back."""
        self.unacked += texts
        if self.joined and self.client is not None and self.client.is_open:
            self._say(*texts)

    def _say(self, *texts: str) -> None:
        """Say those of the messages that are not acknowledged which come last."""
        assert self.client is not None
        first = self.acked + len(self.unacked) - len(texts) + 1
        if self.numbers:
            self.client.send(*[f"k{first + each},{text}" for each, text in enumerate(texts)])
        else:
            self.client.send(*["m" + text for text in texts])

    def repeat(self) -> None:
        """Say again what was said, as a browser does that got no answer over HTTP."""
        if self.joined and self.numbers and self.client is not None and self.client.is_open:
            self._say(*self.unacked)

    def miss(self) -> None:
        """Never get what came over HTTP since the last time."""
        if self.joined and self.numbers and self.client is not None:
            self.client.take()

    def read(self) -> None:
        """Take what came."""
        if self.client is None:
            return
        if self.client.is_open and not self.asked:
            self.asked = True
            self.client.send(f"r{self.token},{self.received}" if self.token else "n")
        for said in self.client.take():
            assert isinstance(said, str)
            self._take(said[:1], said[1:])
            if self.missed:
                self.drop()
                return
        if self.acknowledges and self.told < self.received and self.client.is_open:
            self.told = self.received
            self.client.send(f"a{self.received}")

    def _take(self, letter: str, text: str) -> None:
        if letter == "m":
            self.received += 1
            self.got.append(text)
        elif letter == "k":
            number, text = text.split(",", 1)
            self.missed = int(number) > self.received + 1
            if int(number) == self.received + 1:
                self._take("m", text)
        elif letter == "p":
            self.missed = int(text) > self.received
            if not self.missed and self.client is not None and self.client.is_open:
                self.client.send(f"a{self.received}")
        elif letter == "a":
            self._acknowledged(int(text))
        elif letter in "sf":
            self.events.append({"s": "started", "f": "fresh"}[letter])
            self.token = text
            self.received = self.told = self.acked = 0
            if letter == "f":
                self.unacked.clear()
            self._join()
        elif letter == "c":
            self.token, number = text.split(",")
            self.events.append("continued")
            self._acknowledged(int(number))
            self._join()
        elif letter == "x":
            code, reason = text.split(",", 1)
            self.events.append(f"over {code} {reason}")
        else:
            raise AssertionError(letter + text)

    def _join(self) -> None:
        self.joined = True
        assert self.client is not None
        if not self.client.is_open:
            return
        if self.unacked:
            self._say(*self.unacked)
        self.client.send(f"a{self.received}")

    def _acknowledged(self, number: int) -> None:
        assert self.acked <= number <= self.acked + len(self.unacked)
        del self.unacked[: number - self.acked]
        self.acked = number

    def drop(self) -> None:
        """Lose the connection; the server notices."""
        if self.client is not None:
            client, self.client = self.client, None
            self.joined = False
            client.drop()

    def vanish(self) -> None:
        """Lose the connection; the server does not notice yet."""
        if self.client is not None:
            client, self.client = self.client, None
            self.joined = False
            client.half_open()


def follow(
    steps: list[tuple[str, int]],
    client: ResumingClient,
    chat: Chat,
    come: Callable[[int], object],
    wait: Callable[[float], object],
) -> None:
    """Follow `STEPS`; check that each side gets all in the end, once and in order.

    ``come(n)`` has the client come back in one of several ways.
    """
    said = heard = 0
    for step, n in steps:
        if step == "say":
            client.send(str(said))
            said += 1
        elif step in ("hear", "burst"):
            for _ in range(1 if step == "hear" else n):
                chat.send(str(heard))
                heard += 1
        elif step == "come":
            client.client = None  # which may live, or not
            come(n)
        elif step == "wait":
            wait(_SECONDS[n])
        else:
            getattr(client, step)()
    client.client = None
    come(0)
    for _ in range(4):
        wait(1.5)
        client.read()
    assert client.got == [str(n) for n in range(heard)]
    assert [each for each in chat.log if each.isdigit()] == [str(n) for n in range(said)]
    assert "fresh" not in client.events
    assert client.unacked == []
