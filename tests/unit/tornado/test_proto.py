"""The frames and the JSON that programs make by themselves."""

from __future__ import annotations

from txsockjs.tornado import proto
from txsockjs.wire import proto as wire


def test_every_name_is_the_one_of_the_wire() -> None:
    assert proto.__all__
    for name in proto.__all__:
        assert getattr(proto, name) is getattr(wire, name)


def test_frames_are_those_of_the_protocol() -> None:
    assert (proto.CONNECT, proto.DISCONNECT, proto.HEARTBEAT, proto.MESSAGE) == ("o", "c", "h", "m")
    assert proto.disconnect(3000, "Go away!") == 'c[3000,"Go away!"]'


def test_json_goes_there_and_back() -> None:
    value = {"a": [1, None, "é"]}
    assert proto.json_decode(proto.json_encode(value)) == value
