"""Channels: what carries a message, and sessions that another session carries."""

from __future__ import annotations

from txsockjs import SockJSConnection
from txsockjs.transports.channel import Service
from txsockjs.wire.proto import Message


def test_a_message_is_carried_with_the_name_of_its_channel() -> None:
    service = Service("a b", SockJSConnection)
    assert service.wire_name == "a%20b"
    assert service.wrap("hi, all") == "msg,a%20b,hi, all"


def test_what_goes_to_many_is_wrapped_once() -> None:
    service = Service("news", SockJSConnection)
    first, second = Message("one"), Message("two")
    wrapped = service.wrap(first)
    assert service.wrap(first) is wrapped
    assert [service.wrap(second), service.wrap(first)] == ["msg,news,two", "msg,news,one"]
