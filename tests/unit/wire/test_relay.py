"""Frames of the relay: what is written is read, and nothing else is."""

from __future__ import annotations

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txsockjs.wire import relay
from txsockjs.wire.relay import BadFrame, Described

DESCRIBED = Described(
    name="xhr_send",
    session_id="abc",
    method="POST",
    path="/chat/000/abc/xhr_send",
    query="t=1",
    headers={"host": "a", "x": "\u00e9"},
    is_http_1_0=False,
    is_secure=True,
    peer=("192.0.2.1", 4711),
    server=("", 0),
)


@given(stream=st.integers(0, 2**64 - 1), kind=st.integers(0, 255), payload=st.binary())
def test_a_frame_is_split_into_what_it_was_made_of(stream: int, kind: int, payload: bytes) -> None:
    assert relay.split(relay.frame(kind, stream, payload)) == (kind, stream, payload)


@given(body=st.binary(max_size=100), more=st.integers(0, 10**6), opens=st.booleans())
def test_a_request_is_read_as_it_was_described(body: bytes, more: int, opens: bool) -> None:
    data = relay.request(7, relay.describe(DESCRIBED), opens, len(body) + more, body)
    kind, stream, payload = relay.split(data)
    assert (kind, stream) == (relay.REQUEST, 7)
    described, read_opens, size, read_body = relay.read_request(payload)
    assert described == DESCRIBED
    assert (read_opens, size, read_body) == (opens, len(body) + more, body)


@given(
    status=st.integers(100, 599),
    headers=st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=4),
    flags=st.integers(0, 3),
    size=st.one_of(st.just(relay.STREAM), st.integers(0, 2**31 - 1)),
    body=st.binary(max_size=50),
)
def test_a_head_is_read_as_it_was_written(
    status: int, headers: list[tuple[bytes, bytes]], flags: int, size: int, body: bytes
) -> None:
    data = relay.head(7, status, tuple(headers), flags, size, body)
    kind, stream, payload = relay.split(data)
    assert (kind, stream) == (relay.HEAD, 7)
    assert relay.read_head(payload) == (status, tuple(headers), flags, size, body)


@given(value=st.integers(0, 2**32 - 1), rest=st.binary(max_size=9))
def test_a_number_is_read_with_what_follows_it(value: int, rest: bytes) -> None:
    _, _, payload = relay.split(relay.number(relay.DATA, 7, value) + rest)
    assert relay.read_number(payload) == (value, rest)


@given(taken=st.integers(0, 2**64 - 1), in_order=st.booleans())
def test_what_was_taken_is_told(taken: int, in_order: bool) -> None:
    _, _, payload = relay.split(relay.told(relay.LOST, 7, taken, in_order))
    assert relay.read_told(payload) == (taken, in_order)


def _request(table: object, size: int = 0) -> bytes:
    data = json.dumps(table).encode()
    return struct.pack("!iIB", size, len(data), 0) + data


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0" * 8,
        struct.pack("!iIB", 0, 9, 0) + b"{}",
        struct.pack("!iIB", 0, 1, 0) + b"{",
        _request([]),
        _request({}),
        _request({**DESCRIBED._asdict(), "headers": 1}),
        _request({**DESCRIBED._asdict(), "path": None}),
        _request({**DESCRIBED._asdict(), "query": "\u2028"}),
        _request({**DESCRIBED._asdict(), "headers": {"a": 1}}),
        _request({**DESCRIBED._asdict(), "peer": ["a"]}),
        _request({**DESCRIBED._asdict(), "peer": [1, "a"]}),
        _request(DESCRIBED._asdict(), -1) + b"",
        _request(DESCRIBED._asdict()) + b"a body of which nothing was said",
    ],
)
def test_what_is_no_request_is_refused(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        relay.read_request(payload)


@pytest.mark.parametrize(
    "table", [b"{", b"[]", b"{}", b'{"status":"x","headers":[]}', b'{"status":1,"headers":[[1,2]]}']
)
def test_what_is_no_head_is_refused(table: bytes) -> None:
    with pytest.raises(BadFrame):
        relay.read_head(struct.pack("!iIB", 0, len(table), 0) + table)


@pytest.mark.parametrize("data", [b"", b"\1\1", b"\2\1" + b"\0" * 8])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        relay.split(data)


@given(st.binary(max_size=40))
def test_nothing_else_is_ever_raised(data: bytes) -> None:
    for read in (
        relay.split,
        relay.read_request,
        relay.read_head,
        relay.read_number,
        relay.read_told,
    ):
        with contextlib.suppress(BadFrame):
            read(data)  # type: ignore[operator]
