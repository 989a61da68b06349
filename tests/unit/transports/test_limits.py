"""One limit, one meaning: what a message may be, and what comes together, on every transport."""

from __future__ import annotations

import json
from typing import Any, Callable
from urllib.parse import quote_plus

import pytest

from txsockjs import SockJSConnection
from txsockjs.errors import BatchTooLarge
from txsockjs.multiplex import MultiplexConnection
from txsockjs.wire.limits import utf8_size

from ...support.frames import close_code, masked
from ...support.memory import Connection, Lab
from ...support.sites import SiteLab

MIB = 1024 * 1024


# -- on every transport


class Parrot(SockJSConnection):
    """Answers what it is told."""

    def on_message(self, message: Any) -> None:
        self.send(message)


class Rooms(MultiplexConnection):
    """A connection with one channel."""

    channels = {"a": Parrot}


def encoded(message: str) -> bytes:
    """A message as most clients write it; a lone surrogate has to be escaped."""
    return json.dumps([message], ensure_ascii="\ud83d" in message).encode()


Outcome = Callable[[Lab, str], Any]


def by_sender(path: str, form: bool = False) -> Outcome:
    def send(lab: Lab, message: str) -> Any:
        lab.xhr()
        body, headers = encoded(message), {}
        if form:
            body = b"d=" + quote_plus(body).encode()
            headers = {"Content_Type": "application/x-www-form-urlencoded"}
        return lab.send(body, path, **headers).status

    return send


def by_websocket(path: str, send: Callable[[Connection, str], None]) -> Outcome:
    def outcome(lab: Lab, message: str) -> Any:
        socket = lab.upgrade(path)
        send(socket, message)
        return close_code(socket.received)

    return outcome


FRAMED = "/000/abc/websocket"


def in_two_reads(socket: Connection, message: str) -> None:
    data = masked(encoded(message))
    socket.send(data[:20])
    socket.send(data[20:])


def in_fragments(socket: Connection, message: str) -> None:
    data = encoded(message)
    socket.send(masked(data[:20], 0x01) + masked(data[20:], 0x80))


TRANSPORTS: dict[str, Outcome] = {
    "xhr_send": by_sender("/000/abc/xhr_send"),
    "jsonp_send": by_sender("/000/abc/jsonp_send"),
    "jsonp_send, a form": by_sender("/000/abc/jsonp_send", form=True),
    "a frame": by_websocket(FRAMED, lambda socket, text: socket.send(masked(encoded(text)))),
    "two frames": by_websocket(
        FRAMED, lambda socket, text: socket.send(masked(b'["a"]') + masked(encoded(text)))
    ),
    "a string": by_websocket(FRAMED, lambda socket, text: socket.say(encoded(text)[1:-1])),
    "two reads": by_websocket(FRAMED, in_two_reads),
    "fragments": by_websocket(FRAMED, in_fragments),
    "raw text": by_websocket("/websocket", lambda socket, text: socket.say(text.encode())),
    "raw bytes": by_websocket(
        "/websocket", lambda socket, text: socket.say(text.encode("utf-8", "surrogatepass"), 2)
    ),
}
SIZES = {
    "1000 letters": ("x" * 1000, 1000, True),
    "1001 letters": ("x" * 1001, 1000, False),
    "333 snowmen": ("☃" * 333, 1000, True),
    "334 snowmen": ("☃" * 334, 1000, False),
    "333 surrogates": ("\ud83d" * 333, 1000, True),
    "334 surrogates": ("\ud83d" * 334, 1000, False),
    "100 bytes": ("x" * 100, 100, True),
    "101 bytes": ("x" * 101, 100, False),
}


CASES = {
    f"{transport}, {size}": (TRANSPORTS[transport], *SIZES[size])
    for transport in TRANSPORTS
    for size in SIZES
    if not (transport == "raw text" and "surrogates" in size)  # which it can't have
}


@pytest.mark.parametrize(
    ("transport", "message", "limit", "passes"), CASES.values(), ids=list(CASES)
)
def test_a_limit_is_the_same_everywhere(
    transport: Outcome, message: str, limit: int, passes: bool
) -> None:
    lab = Lab(max_message_size=limit)
    outcome = transport(lab, message)
    heard = [
        text for text in lab.log if text not in ("open", "a") and isinstance(text, (str, bytes))
    ]
    if passes:
        assert outcome in (None, 200, 204)
        assert len(heard) == 1
        assert utf8_size(heard[0]) == utf8_size(message)
    else:
        assert outcome in (413, 1009)
        assert heard == []
    lab.pass_time(30)
    lab.settle()


def test_a_channel_has_the_limit_of_the_message_that_carries_it() -> None:
    for size, passes in ((100, True), (101, False)):
        lab = Lab(Rooms, max_message_size=100)
        socket = lab.upgrade()
        socket.say(b'["sub,a"]')
        socket.say(encoded("msg,a," + "x" * (size - 6)))
        assert (b"xxx" in socket.received) is passes
        assert close_code(socket.received) == (None if passes else 1009)
        lab.pass_time(30)
        lab.settle()


@pytest.mark.parametrize("number", [20_000, 209_000])
def test_a_burst_of_short_messages_passes_and_a_flood_does_not(number: int) -> None:
    body = json.dumps(["00"] * number, separators=(",", ":")).encode()
    lab = SiteLab("", limit=MIB, send_limit=16 * MIB)
    lab.connect().request("POST", "/000/abc/xhr")
    refused = number > 20_000
    sent = lab.connect().request("POST", "/000/abc/xhr_send", body)
    lab.pass_time(15)
    assert sent.status == (413 if refused else 204)
    assert (sent.body == BatchTooLarge.wording.encode()) is refused
    for data in ([masked(body)], [masked(body)[:70000], masked(body)[70000:]]):
        socket = lab.connect().upgrade("/000/abc/websocket")
        for piece in data:
            socket.send(piece)
        lab.pass_time(15)
        assert (b"exceed max_body_size" in socket.received) is refused
        assert close_code(socket.received[-100:]) == (1009 if refused else None)
    assert lab.log.count("00") == (0 if refused else 3 * number)
    lab.settle()


def test_a_websocket_message_is_as_large_as_a_body_at_most() -> None:
    lab = Lab(max_message_size=100, max_body_size=400)
    body = json.dumps(["x" * 90, "y" * 90]).encode()
    for send in (masked(body), masked(body[:50], 0x01) + masked(body[50:], 0x80)):
        socket = lab.upgrade()
        socket.send(send)
        assert b"yyy" in socket.received
        assert close_code(socket.received) is None
    long = json.dumps(["\u2603" * 33] * 2).encode()
    assert len(long) > 400
    for send in (masked(long), masked(long[:50], 0x01) + masked(long[50:], 0x80)):
        socket = lab.upgrade()
        socket.send(send)
        assert close_code(socket.received) == 1009
    lab.pass_time(30)
    lab.settle()
