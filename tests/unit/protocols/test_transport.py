"""The transport of wrapped protocols: bytes and text, ends, addresses, producers, pauses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IConsumer, IPushProducer, ITransport
from twisted.logger import LogLevel, capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from txsockjs.protocols.connection import connection_class
from txsockjs.wire.text import encoded

from ...support.fakes import Producer
from ...support.memory import Lab
from ...support.noting import NotingFactory


class Bench:
    """A wrapped factory in a lab, and one client over a websocket (``raw`` or not)."""

    def __init__(self, raw: bool = False, encoding: str | None = None, **settings: Any) -> None:
        self.factory = NotingFactory()
        self.lab = Lab(connection_class(self.factory, encoding), **settings)
        self.raw = raw
        self.client = self.lab.upgrade("/websocket" if raw else "/000/abc/websocket")
        self.client.take()
        self.protocol = self.factory.made[0]
        self.transport: Any = self.protocol.transport

    def say(self, text: str) -> None:
        self.client.say(text.encode() if self.raw else json.dumps([text]).encode())

    def frames(self) -> list[Any]:
        """What came since the last call: str of text frames, bytes of binary, int of a close."""
        data, found = self.client.take(), []
        while data:
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(data[2:10], "big"), 10
            payload = data[start : start + size]
            if data[0] & 15 == 8:
                found.append(int.from_bytes(payload[:2], "big"))
            else:
                found.append(payload.decode() if data[0] & 15 == 1 else payload)
            data = data[start + size :]
        return found

    def close_by_peer(self, code: int) -> None:
        self.client.say(code.to_bytes(2, "big"), opcode=8)

    def settle(self) -> None:
        self.client.vanish()
        self.lab.settle()
        assert [len(protocol.lost) for protocol in self.factory.made] == [1]


# -- writing


def test_it_is_a_transport_a_consumer_and_a_producer() -> None:
    bench = Bench()
    for interface in (ITransport, IConsumer, IPushProducer):
        assert verifyObject(interface, bench.transport)
    bench.transport.setTcpNoDelay(True)
    bench.transport.setTcpKeepAlive(True)
    assert bench.transport.getTcpNoDelay() is bench.transport.getTcpKeepAlive() is True
    assert "websocket open attached from 192.0.2.1" in repr(bench.transport)
    bench.settle()


def test_each_write_is_a_message_and_a_turn_s_messages_are_one_frame() -> None:
    bench = Bench()

    def react(protocol: Any, data: bytes) -> None:
        protocol.transport.write(data.upper())
        protocol.transport.writeSequence([b"a", b"", b"b"])
        protocol.transport.write(bytearray(b"c"))
        protocol.transport.write(memoryview(b"d"))
        protocol.transport.write(b"")

    bench.factory.react = react
    bench.say("é")
    assert bench.protocol.heard == ["é".encode()]
    assert bench.frames() == ['a["é","ab","c","d"]']
    bench.settle()


def test_a_character_split_over_two_writes_is_kept_until_it_is_whole() -> None:
    bench = Bench()
    for byte in "a€b".encode():
        bench.transport.write(bytes([byte]))
    assert bench.frames() == ['a["a"]', 'a["€"]', 'a["b"]']
    bench.settle()


def test_half_a_character_at_the_end_is_told_as_one_that_is_missing() -> None:
    bench = Bench()
    bench.transport.write(b"a\xe2\x82")
    bench.transport.loseConnection()
    assert bench.frames() == ['a["a"]', 'a["\\ufffd"]', 'c[3000,"Go away!"]', 1000]
    bench.settle()


@pytest.mark.parametrize("wrong", ["text", None, 7])
def test_only_bytes_can_be_written(wrong: Any) -> None:
    bench = Bench()
    with pytest.raises(TypeError, match="a transport writes bytes, not "):
        bench.transport.write(wrong)
    bench.settle()


def test_bytes_that_are_no_text_end_a_sockjs_session_with_1003() -> None:
    bench = Bench()
    bench.transport.write(b"fine")
    with capturedLogs() as logged:
        bench.transport.write(b"\x00\xff")
    bench.transport.write(b"more")
    (event,) = logged
    assert event["log_level"] is LogLevel.warn
    assert "wrote bytes that are not UTF-8 and there is no fallback_encoding, which ends <" in (
        formatEvent(event)
    )
    bench.lab.pass_time(1)
    assert bench.frames() == [
        'a["fine"]',
        'c[1003,"Bytes that are not UTF-8 need a raw websocket"]',
        1000,
    ]
    assert isinstance(bench.protocol.lost[0], ConnectionLost)
    bench.settle()


def test_a_fallback_encoding_reads_them_instead() -> None:
    bench = Bench(encoding="latin-1")
    bench.transport.write("ü".encode())
    bench.transport.write(b"\xc3")
    bench.transport.write(b"\xfc")
    bench.transport.write(b"\xe2")
    bench.transport.loseConnection()
    assert bench.frames()[:3] == ['a["ü"]', 'a["Ãü"]', 'a["â"]']
    bench.settle()


def test_what_is_no_character_may_be_replaced() -> None:
    bench = Bench(encoding="replace")
    bench.transport.write(b"\xff\xfe\x80")
    bench.transport.write(b"\xff \xe2\x98")  # a character in two writes stays one
    bench.transport.write(b"\x83!")
    bench.transport.write(b"\xe2")
    bench.transport.write(b" on")
    bench.transport.write(b"end\xe2")
    bench.transport.loseConnection()
    assert bench.frames()[:6] == [
        r'a["\ufffd\ufffd\ufffd"]',
        r'a["\ufffd "]',
        'a["☃!"]',
        r'a["\ufffd on"]',
        'a["end"]',
        r'a["\ufffd"]',
    ]
    bench.settle()


# -- raw websockets


def test_a_raw_websocket_is_answered_in_text_until_it_sends_binary() -> None:
    bench = Bench(raw=True)
    bench.say("hello")
    bench.transport.write(b"text\xe2")
    bench.client.say(b"\xff\x00", opcode=2)
    assert bench.protocol.heard == [b"hello", b"\xff\x00"]
    bench.transport.write(b"\x82\xac")
    assert bench.frames() == ["text", b"\xe2\x82\xac"]
    bench.settle()


def test_a_raw_websocket_carries_bytes_that_are_no_text() -> None:
    bench = Bench(raw=True)
    bench.transport.write(b"\xff")
    bench.transport.write(b"text")
    bench.transport.loseConnection()
    assert bench.frames() == [b"\xff", b"text", 3000]
    bench.settle()


def test_a_raw_websocket_gets_the_bytes_where_others_get_a_replacement() -> None:
    bench = Bench(raw=True, encoding="replace")
    bench.transport.write(b"text")
    bench.transport.write(b"\xff")
    assert bench.frames() == ["text", b"\xff"]
    bench.settle()


def test_half_a_character_at_the_end_of_a_raw_websocket_is_binary() -> None:
    bench = Bench(raw=True)
    bench.transport.write(b"a\xe2")
    bench.transport.loseConnection(4000, "over")
    assert bench.frames() == ["a", b"\xe2", 4000]
    bench.settle()


# -- reading


@pytest.mark.parametrize(
    ("text", "data"),
    [("a", b"a"), ("€", b"\xe2\x82\xac"), ("a\ud800b", b"a\xef\xbf\xbdb")],
)
def test_text_is_utf_8_to_a_protocol(text: str, data: bytes) -> None:
    assert encoded(text) == data


def test_half_a_surrogate_pair_never_reaches_a_protocol() -> None:
    bench = Bench()
    bench.client.say(b'["\\ud800"]')
    assert bench.protocol.heard == ["\ufffd".encode()]
    bench.settle()


def test_a_paused_transport_holds_what_comes_until_the_iteration_after_it_is_resumed() -> None:
    bench = Bench()
    bench.transport.pauseProducing()
    bench.say("one")
    bench.say("two")
    assert bench.protocol.heard == []
    bench.transport.resumeProducing()
    bench.transport.resumeProducing()
    assert bench.protocol.heard == []
    bench.lab.clock.advance(0)
    assert bench.protocol.heard == [b"one", b"two"]
    bench.settle()


def test_a_protocol_that_pauses_at_each_message_gets_one_at_a_time() -> None:
    bench = Bench()
    bench.factory.react = lambda protocol, data: protocol.transport.pauseProducing()
    for text in ("one", "two", "three"):
        bench.say(text)
    assert bench.protocol.heard == [b"one"]
    bench.transport.resumeProducing()
    bench.lab.clock.advance(0)
    assert bench.protocol.heard == [b"one", b"two"]
    bench.transport.resumeProducing()
    bench.transport.pauseProducing()
    bench.lab.clock.advance(0)
    assert bench.protocol.heard == [b"one", b"two"]
    bench.transport.resumeProducing()
    bench.lab.clock.advance(0)
    assert bench.protocol.heard == [b"one", b"two", b"three"]
    bench.settle()


def test_a_client_that_outruns_a_paused_protocol_is_not_read() -> None:
    bench = Bench(mailbox_limit=100)
    bench.transport.pauseProducing()
    for _ in range(4):
        bench.say("x" * 50)
    assert bench.client.transport.producerState == "paused"
    bench.transport.resumeProducing()
    bench.lab.clock.advance(0)
    assert bench.client.transport.producerState == "producing"
    assert bench.protocol.heard == [b"x" * 50] * 4
    bench.settle()


@pytest.mark.parametrize("way", ["loseConnection", "abortConnection", "stopProducing"])
def test_what_is_held_when_the_protocol_closes_is_dropped_at_once(way: str) -> None:
    bench = Bench()
    bench.transport.pauseProducing()
    bench.say("one")
    getattr(bench.transport, way)()
    bench.transport.resumeProducing()
    bench.lab.clock.advance(0)
    bench.lab.clock.advance(0)
    assert bench.protocol.heard == []
    assert len(bench.protocol.lost) == 1
    bench.settle()


def test_what_is_held_when_the_client_goes_is_read_if_it_is_resumed_in_time() -> None:
    bench = Bench()
    bench.transport.pauseProducing()
    bench.say("one")
    bench.client.vanish()
    assert bench.protocol.lost == []
    bench.transport.resumeProducing()
    bench.lab.clock.advance(0)
    assert bench.protocol.heard == [b"one"]
    assert len(bench.protocol.lost) == 1
    bench.settle()


def test_a_protocol_that_stays_paused_hears_of_the_end_all_the_same() -> None:
    bench = Bench()
    bench.transport.pauseProducing()
    bench.say("one")
    bench.client.vanish()
    bench.lab.pass_time(6)
    assert bench.protocol.heard == []
    assert len(bench.protocol.lost) == 1
    bench.transport.resumeProducing()
    bench.settle()


def test_a_protocol_that_pauses_after_it_closed_holds_nothing() -> None:
    bench = Bench()
    bench.transport.registerProducer(Producer(), False)
    bench.transport.loseConnection()
    bench.transport.pauseProducing()
    bench.say("one")
    bench.transport.unregisterProducer()
    bench.lab.clock.advance(0)
    assert bench.protocol.heard == []
    assert len(bench.protocol.lost) == 1
    bench.settle()


# -- the end


def test_closing_sends_what_was_written_and_ends_cleanly() -> None:
    bench = Bench()

    def react(protocol: Any, data: bytes) -> None:
        protocol.transport.write(b"bye")
        protocol.transport.loseConnection(4000, "done")
        assert protocol.transport.disconnecting
        assert protocol.lost == []

    bench.factory.react = react
    bench.say("one")
    assert bench.frames() == ['a["bye"]', 'c[4000,"done"]', 1000]
    assert isinstance(bench.protocol.lost[0], ConnectionDone)
    assert not bench.transport.connected
    bench.transport.write(b"late")
    bench.transport.loseConnection()
    bench.transport.abortConnection()
    assert bench.frames() == []
    bench.settle()


def test_a_code_that_no_frame_can_carry_closes_nothing() -> None:
    bench = Bench()
    with pytest.raises(ValueError, match="a close code must be in"):
        bench.transport.loseConnection(99)
    assert not bench.transport.disconnecting
    bench.say("one")
    assert bench.protocol.heard == [b"one"]
    bench.settle()


def test_an_aborted_connection_is_dropped_and_lost() -> None:
    bench = Bench()
    bench.transport.abortConnection()
    assert bench.client.transport.aborted
    bench.lab.clock.advance(0)
    assert isinstance(bench.protocol.lost[0], ConnectionLost)
    bench.settle()


@pytest.mark.parametrize("code", [1000, 1001, 1012, 3000, 4999])
def test_a_client_that_closes_ends_it_cleanly(code: int) -> None:
    bench = Bench()
    bench.close_by_peer(code)
    bench.client.vanish()
    assert isinstance(bench.protocol.lost[0], ConnectionDone)
    bench.settle()


@pytest.mark.parametrize("code", [1002, 1009, 1011])
def test_a_client_that_fails_loses_it(code: int) -> None:
    bench = Bench()
    bench.close_by_peer(code)
    bench.client.vanish()
    assert isinstance(bench.protocol.lost[0], ConnectionLost)
    assert str(code) in str(bench.protocol.lost[0])
    bench.settle()


def test_a_client_that_vanishes_loses_it() -> None:
    bench = Bench()
    bench.client.vanish()
    assert isinstance(bench.protocol.lost[0], ConnectionLost)
    bench.settle()


def test_a_poll_that_never_comes_back_loses_it() -> None:
    factory = NotingFactory()
    lab = Lab(connection_class(factory))
    assert lab.xhr().body == b"o\n"
    lab.pass_time(10)
    assert isinstance(factory.made[0].lost[0], ConnectionLost)
    lab.settle()
    assert len(factory.made[0].lost) == 1


def test_a_server_that_closes_ends_it_cleanly() -> None:
    bench = Bench()
    bench.lab.router.close()
    bench.lab.clock.advance(0)
    assert isinstance(bench.protocol.lost[0], ConnectionDone)
    bench.settle()


def test_a_protocol_that_fails_loses_its_own_connection(monkeypatch: Any) -> None:
    logged: list[Any] = []
    monkeypatch.setattr(
        "txsockjs.actors.application._log.failure", lambda *args, **kw: logged.append(args[1].value)
    )
    bench = Bench()
    bench.factory.react = lambda protocol, data: 1 / 0
    bench.say("one")
    assert bench.frames() == ['c[1011,"Internal error"]', 1000]
    assert isinstance(bench.protocol.lost[0], ConnectionLost)
    assert [type(error) for error in logged] == [ZeroDivisionError]
    bench.settle()


def test_a_factory_may_refuse_a_client() -> None:
    factory = NotingFactory()
    factory.buildProtocol = lambda addr: None
    lab = Lab(connection_class(factory))
    assert lab.xhr().body == b"o\n"
    assert lab.xhr().body == b'c[3000,"Go away!"]\n'
    lab.settle()


# -- addresses


def test_addresses_are_those_of_the_connection() -> None:
    bench = Bench()
    assert bench.transport.getPeer() == IPv4Address("TCP", "192.0.2.1", 4711)
    assert bench.factory.addresses == [bench.transport.getPeer()]
    assert bench.transport.getHost() == IPv4Address("TCP", "10.0.0.1", 12345)
    bench.settle()
    assert bench.transport.getPeer() == IPv4Address("TCP", "192.0.2.1", 4711)


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("203.0.113.5", IPv4Address("TCP", "203.0.113.5", 0)),
        ("2001:db8::1", IPv6Address("TCP", "2001:db8::1", 0)),
    ],
)
def test_behind_a_trusted_proxy_the_peer_is_the_client(told: str, address: Any) -> None:
    factory = NotingFactory()
    lab = Lab(connection_class(factory), trusted_proxies="192.0.2.1")
    lab.xhr(X_Forwarded_For=told)
    assert factory.made[0].transport.getPeer() == address
    lab.settle()


def test_a_unix_socket_has_an_address_without_a_name() -> None:
    lab = Lab(connection_class(factory := NotingFactory()))
    connection = lab.connect()
    connection.transport.peerAddr = UNIXAddress(b"")
    connection.request("POST", "/000/abc/xhr")
    assert factory.made[0].transport.getPeer() == UNIXAddress(None)
    lab.settle()


# -- producers


def test_a_streaming_producer_is_paused_and_resumed_as_the_client_reads() -> None:
    bench = Bench()
    producer = Producer()
    bench.transport.registerProducer(producer, True)
    bench.client.transport.slow = True
    bench.transport.write(b"x" * 70000)
    bench.transport.write(b"x" * 70000)
    bench.transport.write(b"x" * 70000)
    assert producer.told == ["pause"]
    bench.client.transport.drain()
    assert producer.told == ["pause", "resume"]
    assert "".join(bench.frames()).count("x") == 210000
    bench.transport.unregisterProducer()
    bench.settle()
    assert producer.told == ["pause", "resume"]


def test_a_pull_producer_is_asked_until_it_is_done() -> None:
    bench = Bench()
    left = [b"one", b"two", b"three"]

    class Pull(Producer):
        def resumeProducing(self) -> None:
            super().resumeProducing()
            bench.transport.write(left.pop(0))
            if not left:
                bench.transport.unregisterProducer()

    producer = Pull()
    bench.transport.registerProducer(producer, False)
    bench.transport.loseConnection()
    assert producer.told == ["resume"] * 3
    assert bench.frames() == ['a["one"]', 'a["two"]', 'a["three"]', 'c[3000,"Go away!"]', 1000]
    bench.settle()


def test_a_pull_producer_that_is_not_done_is_waited_for() -> None:
    bench = Bench()
    bench.transport.registerProducer(Producer(), False)
    bench.transport.loseConnection()
    bench.say("too late")
    bench.transport.write(b"rest")
    assert bench.frames() == ['a["rest"]']
    bench.transport.unregisterProducer()
    assert bench.frames() == ['c[3000,"Go away!"]', 1000]
    assert bench.protocol.heard == []
    bench.settle()


def test_a_streaming_producer_is_not_waited_for_but_stopped() -> None:
    bench = Bench()
    producer = Producer()
    bench.transport.registerProducer(producer, True)
    bench.transport.write(b"last")
    bench.transport.loseConnection()
    assert bench.frames() == ['a["last"]', 'c[3000,"Go away!"]', 1000]
    bench.lab.clock.advance(0)
    assert producer.told == ["stop"]
    bench.settle()


def test_a_streaming_producer_that_is_paused_may_go_on_first() -> None:
    bench = Bench()

    class Resumed(Producer):
        def resumeProducing(self) -> None:
            super().resumeProducing()
            bench.transport.write(b"last")

    producer = Resumed()
    bench.transport.registerProducer(producer, True)
    bench.client.transport.slow = True
    for _ in range(3):
        bench.transport.write(b"x" * 70000)
    bench.transport.loseConnection()
    assert producer.told == ["pause"]
    bench.client.transport.drain()
    assert bench.frames()[-3:] == ['a["last"]', 'c[3000,"Go away!"]', 1000]
    assert producer.told == ["pause", "resume", "stop"]
    bench.settle()


def test_a_producer_is_stopped_when_the_client_goes() -> None:
    bench = Bench()
    producer = Producer()
    bench.transport.registerProducer(producer, True)
    bench.client.vanish()
    assert producer.told == ["stop"]
    late = Producer()
    bench.transport.registerProducer(late, True)
    assert late.told == ["stop"]
    bench.settle()


def test_a_second_producer_is_refused() -> None:
    bench = Bench()
    bench.transport.registerProducer(Producer(), True)
    with pytest.raises(RuntimeError, match="another producer is registered"):
        bench.transport.registerProducer(Producer(), True)
    bench.settle()
