"""What comes on a websocket: in which turn, what waits meanwhile, how long a message may take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Callable

import pytest
from twisted.internet.defer import Deferred

from txsockjs import SockJSConnection
from txsockjs.actors import pace
from txsockjs.actors.mailbox import Mailbox
from txsockjs.transports.websocket.incoming import Incoming, Phase
from txsockjs.transports.websocket.receiver import WebSocketReceiver

from ....support.frames import close_code, masked, text
from ....support.memory import Connection, Echo, Lab
from ....support.state_tables import pairs, transitions, watch
from ....support.tracing import tracing

FRAMED = "/000/abc/websocket"
PING, PONG, CLOSE = 0x89, 0x8A, 0x88
PATHS = [FRAMED, "/websocket"]


@pytest.fixture(autouse=True)
def changes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Which phase followed which; none that is not in the table."""
    seen = watch(monkeypatch, Incoming, "_phase")
    yield seen
    assert set(seen) <= pairs(Phase)


class Slow(SockJSConnection):
    """Waits at each message until the test lets it go on."""

    log: list[Any]
    gates: list[Deferred[None]]

    def on_message(self, message: Any) -> Deferred[None]:
        self.log.append(message)
        gate: Deferred[None] = Deferred()
        self.gates.append(gate)
        return gate

    def on_close(self) -> None:
        self.log.append(self.close_reason)


def slow_lab(**settings: Any) -> tuple[Lab, list[Deferred[None]]]:
    gates: list[Deferred[None]] = []
    return Lab(type("Slow", (Slow,), {"gates": gates}), **settings), gates


def receiver_of(socket: Connection) -> WebSocketReceiver:
    receiver = socket.transport.protocol
    wrapped: WebSocketReceiver = getattr(receiver, "wrappedProtocol", receiver)
    return wrapped


def is_paused(socket: Connection) -> bool:
    return bool(socket.transport.producerState == "paused")


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An item for each turn but the first."""
    begun: list[int] = []

    def count(owner: type[Any], name: str) -> None:
        go_on = getattr(owner, name)

        def counted(one: Any) -> None:
            begun.append(len(begun))
            go_on(one)

        monkeypatch.setattr(owner, name, counted)

    count(Incoming, "_go_on")
    count(Mailbox, "_go_on")
    return begun


FLOODS = {
    "echoes": [text(FRAMED, f"{i}") for i in range(2000)],
    "pings": [masked(b"", PING)] * 2000,
    "pongs": [masked(b"", PONG)] * 2000,
    "empty texts": [masked(b"")] * 2000,
    "echoes and pings": [text(FRAMED, "x"), masked(b"", PING)] * 1000,
    "fragments": [masked(b'"', 1), *[masked(b"x", 0)] * 2000, masked(b'"', 0x80)],
    "fragments and pings": [
        masked(b'"', 1),
        *[masked(b"x", 0), masked(b"", PING)] * 1000,
        masked(b'"', 0x80),
    ],
    "short messages in fragments": [masked(b'"', 1), masked(b'"', 0x80)] * 1000,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=list(FLOODS))
def test_a_read_full_of_frames_takes_several_turns(flood: list[bytes], turns: list[int]) -> None:
    lab = Lab()
    socket = lab.upgrade(FRAMED)
    socket.send(b"".join(flood) + text(FRAMED, "last"))
    assert is_paused(socket)
    assert "last" not in lab.log
    lab.clock.advance(0)
    assert 2000 // 512 <= len(turns) <= 2000 // 128
    assert lab.log[-1] == "last"
    assert not is_paused(socket)
    socket.vanish()
    lab.settle()


@pytest.mark.parametrize("path", PATHS)
def test_the_order_of_what_comes_meanwhile_is_kept(path: str) -> None:
    lab = Lab()
    socket = lab.upgrade(path)
    numbers = [str(i) for i in range(3000)]
    stream = b"".join(text(path, number) for number in numbers)
    pieces = [stream[i : i + 5000] for i in range(0, len(stream), 5000)]
    for i, piece in enumerate(pieces):
        socket.send(piece)  # some come while others wait, as TLS may deliver them
        if i % 3 == 0:
            lab.clock.advance(0)
    for _ in range(30):
        lab.clock.advance(0)
    assert lab.log == ["open", *numbers]
    socket.vanish()
    lab.settle()


@pytest.mark.parametrize(
    ("begin", "end"),
    [(b"", b""), (b"", masked(b"", PING)), (masked(b"", 1), b"")],
    ids=["together", "one by one", "in fragments"],
)
def test_a_turn_is_bounded_in_time_too(
    begin: bytes, end: bytes, turns: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(pace, "clock", lambda: now[0])

    class Busy(Echo):
        def on_message(self, message: Any) -> None:
            self.log.append(message)
            now[0] += pace.LONGEST / 4
            in_turn.append(len(turns))

    in_turn: list[int] = []
    lab = Lab(Busy)
    socket = lab.upgrade(FRAMED)
    numbers = [str(i) for i in range(200)]
    first = 0x80 if begin else 0x81
    frames = [masked(json.dumps(number).encode(), first) for number in numbers]
    socket.send(b"".join(begin + frame + end for frame in frames))
    lab.clock.advance(0)
    assert lab.log == ["open", *numbers]
    assert max(in_turn.count(turn) for turn in range(len(turns) + 1)) <= 6
    socket.vanish()
    lab.settle()


def test_a_hundred_messages_in_flight_are_one_turn() -> None:
    lab = Lab()
    socket = lab.upgrade(FRAMED)
    socket.take()
    socket.send(b"".join(text(FRAMED, str(i)) for i in range(128)))
    assert not is_paused(socket)
    assert (
        socket.take()[4:]
        == b"a" + json.dumps([str(i) for i in range(128)]).replace(" ", "").encode()
    )
    socket.vanish()
    lab.settle()


@pytest.mark.parametrize("path", PATHS)
def test_what_came_before_the_end_is_handled(path: str) -> None:
    lab = Lab()
    socket = lab.upgrade(path)
    socket.send(b"".join(text(path, str(i)) for i in range(1000)))
    assert is_paused(socket)
    socket.vanish()
    lab.pass_time(1)
    assert lab.log[1:-1] == [str(i) for i in range(1000)]
    assert lab.log[-1] == ("close", (1006, "Connection lost"))
    lab.settle()


def test_a_close_frame_behind_a_flood_is_answered_in_its_turn() -> None:
    lab = Lab()
    socket = lab.upgrade(FRAMED)
    socket.send(b"".join([text(FRAMED, "x")] * 1000) + masked(b"\3\xe8", CLOSE))
    assert is_paused(socket)
    lab.pass_time(1)
    assert lab.log == ["open", *["x"] * 1000, ("close", (1000, ""))]
    assert close_code(socket.received) == 1000
    assert not socket.is_open
    lab.settle()


def test_a_session_that_closes_in_a_flood_still_hears_the_answer() -> None:
    lab = Lab()
    socket = lab.upgrade(FRAMED)
    flood = b"".join([text(FRAMED, "close"), *[text(FRAMED, "late")] * 1000])
    socket.send(flood + masked(b"\3\xe8", CLOSE))
    lab.pass_time(1)
    assert not socket.is_open
    assert not socket.transport.aborted
    assert lab.log == ["open", "close", ("close", (3001, "as told"))]
    lab.settle()


@pytest.mark.parametrize("fragments", [False, True])
def test_what_has_no_room_waits_as_the_bytes_it_came_in(fragments: bool) -> None:
    lab, gates = slow_lab(mailbox_limit=1000)
    socket = lab.upgrade(FRAMED)
    messages = [f"{i:03}" * 100 for i in range(900)]
    for message in messages:
        data = json.dumps([message]).encode()
        if fragments:
            socket.send(masked(data[:9], 1) + masked(data[9:], 0x80))
        else:
            socket.send(masked(data))
    receiver = receiver_of(socket)
    assert is_paused(socket)
    assert receiver.session is not None
    assert receiver.session._application.size < 2000
    assert receiver._incoming is not None
    assert len(receiver._incoming._reader._data) > 890 * 300
    heard = 0
    while len(gates) > heard:
        gates[heard].callback(None)
        heard += 1
        lab.clock.advance(0)
        assert receiver.session._application.size < 1000 + 256 * (300 + 64)  # a turn's
    assert lab.log == messages
    assert not is_paused(socket)
    socket.vanish()
    lab.settle()


def test_what_is_wrong_with_waiting_content_is_told_in_its_turn() -> None:
    lab, gates = slow_lab(mailbox_limit=100)
    socket = lab.upgrade(FRAMED)
    socket.send(text(FRAMED, "first") + text(FRAMED, "x" * 200))
    socket.send(masked(b'["broken') + text(FRAMED, "never"))
    lab.pass_time(1)
    assert close_code(socket.received) is None
    assert lab.log == ["first"]
    gates[0].callback(None)
    assert lab.log == ["first", "x" * 200]
    lab.pass_time(1)
    assert close_code(socket.received) == 1007
    gates[1].callback(None)
    lab.pass_time(1)
    assert lab.log == ["first", "x" * 200, (1007, "Broken JSON encoding.")]
    lab.settle()


def test_who_leaves_while_there_is_no_room_has_it_all_handled() -> None:
    lab, gates = slow_lab(mailbox_limit=100)
    socket = lab.upgrade(FRAMED)
    messages = [str(i) * 100 for i in range(9)]
    for message in messages:
        socket.send(text(FRAMED, message))
    assert is_paused(socket)
    socket.vanish()
    lab.clock.advance(0)
    for gate in gates:  # which grow
        gate.callback(None)
    lab.clock.advance(0)
    assert lab.log == [*messages, (1006, "Connection lost")]
    lab.settle()


def test_who_is_not_read_need_not_answer_a_ping() -> None:
    lab, gates = slow_lab(mailbox_limit=100)
    socket = lab.upgrade(FRAMED)
    socket.send(text(FRAMED, "first") + text(FRAMED, "x" * 200))
    lab.pass_time(100)
    assert socket.is_open
    gates[0].callback(None)
    lab.pass_time(50)
    assert not socket.is_open  # it is read again, and says nothing
    lab.settle()


@pytest.mark.parametrize("path", PATHS)
def test_who_is_not_read_is_written_to_or_its_end_would_never_show(path: str) -> None:
    lab, _ = slow_lab(mailbox_limit=100, heartbeat_delay=10)
    socket = lab.upgrade(path)
    socket.send(text(path, "first") + text(path, "x" * 200))
    assert is_paused(socket)
    for _ in range(3):
        socket.take()
        lab.pass_time(10)
        assert socket.take().endswith(b"\x89\x00")
    socket.vanish()
    lab.settle()


def grown(socket: Connection, pieces: list[bytes]) -> int:
    """How much more memory is in use after these."""
    with tracing() as kept:
        for piece in pieces:
            socket.send(piece)
        return kept()


def test_what_comes_in_little_pieces_costs_what_it_weighs() -> None:
    lab = Lab()
    piece = b"xyz"
    for head, pieces in (
        (masked(b'"' + b"x" * 90_000)[:50], [piece] * 5000),
        (masked(b'"', 1) + masked(b"x" * 90_000, 0)[:50], [piece] * 5000),
        (masked(b'"', 1), [masked(piece, 0)] * 5000),
    ):
        socket = lab.upgrade(FRAMED)
        socket.send(head)
        assert grown(socket, pieces) < 50_000  # 15,000 bytes, and some for growing
        socket.vanish()
    lab.settle()


UNFINISHED = {
    "the head of a frame": masked(b'"x"')[:1],
    "a frame": masked(b'"' + b"x" * 100)[:50],
    "fragments": masked(b'"', 1),
    "a frame of fragments": masked(b'"', 1) + masked(b"x" * 100, 0)[:50],
    "a ping": masked(b"ping", PING)[:3],
}


@pytest.mark.parametrize("begun", UNFINISHED.values(), ids=list(UNFINISHED))
@pytest.mark.parametrize("path", PATHS)
def test_a_message_that_does_not_come_to_its_end_has_a_time(begun: bytes, path: str) -> None:
    lab = Lab(request_timeout=60, ping_timeout=1000)
    socket = lab.upgrade(path)
    lab.pass_time(100)
    socket.send(text(path, "first") + begun)
    lab.pass_time(59)
    assert close_code(socket.received) is None
    lab.pass_time(1.5)
    assert close_code(socket.received) == 1008
    assert lab.router.stats.refusals["slow"] == 1
    lab.pass_time(1)
    assert not socket.is_open
    assert lab.log == ["open", "first", ("close", (1008, "A message took too long to come."))]
    lab.settle()


@pytest.mark.parametrize("pings", [1, 1000])
def test_pings_between_fragments_give_no_more_time(pings: int) -> None:
    lab = Lab(request_timeout=60)
    socket = lab.upgrade(FRAMED)
    socket.send(masked(b'"', 1))
    seconds = 0
    while close_code(socket.received) != 1008:
        socket.send(masked(b"x" * 9, PING) * pings + masked(b"x", 0))
        lab.clock.advance(1)
        seconds += 1
    assert seconds == 61  # each KiB gives a second more, and these are some bytes
    lab.pass_time(1)
    lab.settle()


@pytest.mark.parametrize("fragments", [False, True])
def test_who_is_slow_and_goes_on_is_waited_for(fragments: bool) -> None:
    lab = Lab(request_timeout=10)
    socket = lab.upgrade(FRAMED)
    data = b'["' + b"x" * 50_000 + b'"]'
    if fragments:
        frames = [masked(data[:1], 1), *(masked(data[i : i + 1], 0) for i in range(1, len(data)))]
        stream = b"".join(frames) + masked(b"", 0x80)
        each = 1500 * 7
    else:
        stream, each = masked(data), 1500
    for i in range(0, len(stream), each):
        socket.send(stream[i : i + each])
        lab.clock.advance(1)
    assert lab.log[1:] == ["x" * 50_000]
    assert lab.clock.seconds() > 30  # three times as long as a short one may take
    socket.send(masked(data)[:100])  # each message has its own time
    lab.pass_time(9)
    assert close_code(socket.received[-200:]) is None
    socket.vanish()
    lab.settle()


def test_each_message_of_a_stream_has_its_own_time() -> None:
    lab = Lab(request_timeout=60)
    socket = lab.upgrade(FRAMED)
    stream = text(FRAMED, "x" * 100)
    for _ in range(200):  # never between two of them
        socket.send(stream[30:] + stream[:30] if lab.log[1:] else stream + stream[:30])
        lab.clock.advance(1)
    assert len(lab.log) == 201
    assert close_code(socket.received[-200:]) is None
    socket.vanish()
    lab.settle()


FLOOD = masked(b"", PING) * 2000
FILLING = text(FRAMED, "first") + text(FRAMED, "x" * 200)


class Walk:
    """A websocket in a phase, where a mailbox takes 100 bytes."""

    def __init__(self, phase: Phase) -> None:
        self.lab, self.gates = slow_lab(mailbox_limit=100)
        self.socket = self.lab.upgrade(FRAMED)
        self.send(masked(b"", PING) + masked(b"", PONG))
        if phase is Phase.YIELDED:
            self.send(FLOOD)
        elif phase is Phase.NO_ROOM:
            self.send(FILLING)

    def send(self, data: bytes) -> None:
        self.socket.send(data)

    def make_room(self) -> None:
        self.gates[0].callback(None)

    def abort(self) -> None:
        receiver_of(self.socket).abort()

    def settle(self) -> None:
        if self.socket.is_open:
            self.socket.vanish()
        for gate in self.gates:  # which grow
            if not gate.called:
                gate.callback(None)
            self.lab.clock.advance(0)
        self.lab.pass_time(1)
        self.lab.settle()


def fill_and_make_room(walk: Walk) -> None:
    walk.send(masked(b"", PING))
    walk.make_room()


HAPPENS: dict[tuple[str, str, str], Callable[[Walk], object]] = {
    ("IDLE", "bytes come", "READING"): lambda walk: walk.send(FLOOD),
    ("IDLE", "the receiver has no room for what it read by itself", "NO_ROOM"): (
        lambda walk: [walk.send(text(FRAMED, each)) for each in ("first", "x" * 200)]
    ),
    ("READING", "more bytes must come", "IDLE"): lambda walk: walk.send(masked(b"", 1)),
    ("READING", "the time of a turn is over and something is left", "YIELDED"): (
        lambda walk: walk.send(FLOOD)
    ),
    ("READING", "the receiver has no room for more", "NO_ROOM"): (
        lambda walk: walk.send(masked(b"", PING) + FILLING)
    ),
    ("YIELDED", "the reactor's next iteration comes", "READING"): (
        lambda walk: walk.lab.clock.advance(0)
    ),
    ("NO_ROOM", "there is room, and nothing is left to read", "READING"): Walk.make_room,
    ("NO_ROOM", "there is room, and something is left to read", "YIELDED"): fill_and_make_room,
    ("NO_ROOM", "the connection is lost", "YIELDED"): lambda walk: walk.socket.vanish(),
    ("any", "the connection ends", "STOPPED"): Walk.abort,
}


def test_the_table_says_what_happens_here() -> None:
    assert transitions(Phase) == list(HAPPENS)


@pytest.mark.parametrize("row", HAPPENS, ids=lambda row: f"{row[0]} {row[1]}")
def test_each_row_of_the_table_happens(
    row: tuple[str, str, str], changes: list[tuple[str, str]]
) -> None:
    before, _, after = row
    for name in ("IDLE", "YIELDED", "NO_ROOM") if before == "any" else (before,):
        walk = Walk(Phase[name])
        changes.clear()
        HAPPENS[row](walk)
        # It reads only when bytes come.
        assert changes[name == "READING"] == (name, after)
        walk.settle()


def test_a_violation_stops_the_reading(changes: list[tuple[str, str]]) -> None:
    walk = Walk(Phase.IDLE)
    walk.send(masked(b"", PING) + masked(b"["))
    assert changes[-1] == ("READING", "STOPPED")
    walk.settle()
