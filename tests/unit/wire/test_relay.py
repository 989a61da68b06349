"""Frames of the relay: what goes in comes out, and what is none is refused."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txsockjs.wire import relay
from txsockjs.wire.relay import BadFrame, Described

DESCRIBED = Described(
    *("xhr", "abc", b"POST", "/000/abc/xhr", b"a=b", {"x": "é"}, False, True),
    *(("192.0.2.1", 1), ("", 0)),
)
HEADERS = ((b"Content-Type", b"text/plain"), (b"X", b"\xe9"))


def payload(frame: bytes, kind: int, stream: int = 7) -> bytes:
    assert relay.split(frame)[:2] == (kind, stream)
    return relay.split(frame)[2]


@given(st.integers(0, 255), st.integers(0, 2**64 - 1), st.binary())
def test_a_frame_has_a_kind_a_stream_and_bytes(kind: int, stream: int, data: bytes) -> None:
    assert relay.split(relay.frame(kind, stream, data)) == (kind, stream, data)


@pytest.mark.parametrize("opens", [True, False])
def test_a_request_comes_as_it_was_sent(opens: bool) -> None:
    frame = relay.request(7, relay.describe(DESCRIBED), opens, 5, b"abc")
    got = relay.read_request(payload(frame, relay.REQUEST))
    assert got == (DESCRIBED, opens, 5, b"abc")


@pytest.mark.parametrize("size", [relay.STREAM, 0, 5])
@pytest.mark.parametrize("flags", [0, relay.CLOSES, relay.CLOSES | relay.FINAL])
def test_a_head_comes_as_it_was_sent(size: int, flags: int) -> None:
    frame = relay.head(7, 200, HEADERS, flags, size, b"ab")
    assert relay.read_head(payload(frame, relay.HEAD)) == (200, HEADERS, flags, size, b"ab")


def test_numbers_come_as_they_were_sent() -> None:
    frame = relay.number(relay.CREDIT, 7, 2**32 - 1)
    assert relay.read_number(payload(frame, relay.CREDIT) + b"x") == (2**32 - 1, b"x")
    for in_order in (True, False):
        frame = relay.told(relay.LOST, 7, 2**40, in_order)
        assert relay.read_told(payload(frame, relay.LOST)) == (2**40, in_order)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01" * 9, b"\x02" + b"\x01" * 9])
def test_what_has_no_head_or_another_version_is_no_frame(data: bytes) -> None:
    with pytest.raises(BadFrame):
        relay.split(data)


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(relay.describe(DESCRIBED)), **fields}).encode()


@pytest.mark.parametrize(
    "description",
    [
        *(b"", b"no JSON", b"[]", b"{}", b"null", b"\xff", b"[" * 100),
        *(changed(name=5), changed(headers=[]), changed(headers={"x": 5}), changed(peer="a")),
        *(changed(server=["a"]), changed(server=["a", "b"]), changed(is_secure=1)),
        *(changed(method="\u2603"), changed(query=None)),
    ],
)
def test_a_description_that_is_none_is_refused(description: bytes) -> None:
    data = payload(relay.request(7, description, True, 0, b""), relay.REQUEST)
    with pytest.raises(BadFrame):
        relay.read_request(data)


@pytest.mark.parametrize(
    "table", [b"", b"[]", b"{}", b'{"status":"x","headers":[]}', b'{"status":200,"headers":[5]}']
)
def test_a_head_that_is_none_is_refused(table: bytes) -> None:
    data = (0).to_bytes(4, "big") + len(table).to_bytes(4, "big") + b"\0" + table
    with pytest.raises(BadFrame):
        relay.read_head(data)


def test_a_body_is_no_longer_than_it_says() -> None:
    frame = relay.request(7, relay.describe(DESCRIBED), True, 2, b"abc")
    with pytest.raises(BadFrame, match="longer than it says"):
        relay.read_request(payload(frame, relay.REQUEST))


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_frame_that_is_cut_before_its_body_is_refused(cut: int) -> None:
    table = relay.head(7, 200, HEADERS, 0, 0, b"")
    with pytest.raises(BadFrame):
        relay.read_head(payload(table, relay.HEAD)[:-cut])


@given(st.binary(max_size=40))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for read in (relay.split, relay.read_request, relay.read_head, relay.read_number):
        with contextlib.suppress(BadFrame):
            read(data)  # type: ignore[operator]
    if len(data) != 9:
        with pytest.raises(BadFrame):
            relay.read_told(data)
