"""The bus over a real Redis: what its common tests don't show, as they know nothing of brokers."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from txsockjs.cluster.bus import Bus, BusError, Owner
from txsockjs.cluster.redis import RedisBus, claims, leases

from ...support.docs import found
from ...support.listeners import Heard
from ...support.redis_server import RedisServer, redis_server
from ...support.waiting import until, until_answered
from ...wire.test_endpoints import certificate

# In seconds. No lease ends by itself, so that none does while the machine stands still.
LEASE, RENEWAL, MEMORY = 60.0, 0.2, 0.6


@pytest.fixture
def make(redis: RedisServer) -> Iterator[Any]:
    """Make nodes, which are stopped after the test."""
    made: list[RedisBus] = []

    def make(url: str = "", secret: str | None = None) -> Any:
        bus: Any = RedisBus(
            url or redis.url, reactor, secret, lease=LEASE, renewal=RENEWAL, memory=MEMORY
        )
        bus.heard = Heard()
        bus.listen("port", bus.heard)
        made.append(bus)
        return bus

    yield make
    pytest_twisted.blockon(gatherResults([bus.stop() for bus in made]))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the package logs."""
    said: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith("txsockjs"):
            said.append(f"{event['log_level'].name} {formatEvent(event)}")

    globalLogPublisher.addObserver(observe)
    yield said
    globalLogPublisher.removeObserver(observe)


async def two(make: Any) -> tuple[Any, Any]:
    a, b = make(), make()
    await gatherResults([a.start(), b.start()])
    await until(lambda: a.nodes == b.nodes == {a.node, b.node}, "they know each other")
    return a, b


async def speak(a: Any, b: Any, text: bytes = b"x") -> None:
    """Send a message each way."""
    a.send(b.node, "port", text)
    b.send(a.node, "port", text)
    await until(
        lambda: (a.node, text) in b.heard.messages and (b.node, text) in a.heard.messages, "it came"
    )


def cut(bus: Any) -> None:
    """Keep a node from Redis."""
    bus._connection.url = bus.url._replace(port=1)
    bus._connection.abort()


def heal(bus: Any) -> None:
    bus._connection.url = bus.url


# -- a Redis that ends


@pytest_twisted.ensureDeferred
async def test_a_redis_that_restarts_empty_ends_nobody_and_gets_all_claims_again(
    redis: RedisServer, make: Any
) -> None:
    a, b = await two(make)
    heard: list[bytes] = []
    await b.subscribe("room", heard.append)
    for number in range(1200):  # more than go into one script
        a.claim(f"a{number}")
    await b.claim("b")
    await speak(a, b)
    redis.kill()
    await until(lambda: a.heard.told == b.heard.told == ["away"], "it is told")
    asked = b.find("a7")
    redis.start()
    await until(lambda: "back" in a.heard.told and "back" in b.heard.told, "they are back")
    assert await asked == Owner(a.node, True)
    assert await b.claim("a1199") == Owner(a.node, True)
    assert await a.find("b") == Owner(b.node, True)
    await until(lambda: a.settled and b.settled, "they know what they own")
    await speak(a, b, b"again")
    await until_answered(lambda: a.subscribers("room"), 1)
    a.publish("room", b"y")
    await until(lambda: heard == [b"y"], "they are subscribed")
    assert a.heard.ended == b.heard.ended == []
    assert a.heard.told == b.heard.told == ["away", "back"]


@pytest_twisted.ensureDeferred
async def test_whoever_is_back_first_takes_nothing_from_those_who_are_late(
    redis: RedisServer, make: Any
) -> None:
    a, b = await two(make)
    await a.claim("key")
    cut(a)
    redis.kill()
    await until(lambda: "away" in b.heard.told, "it is told")
    redis.start()
    claimed, found = b.claim("key"), b.find("key")
    await until(lambda: "back" in b.heard.told, "it is back")
    heal(a)
    assert await claimed == await found == Owner(a.node, True)
    assert a.heard.told[-1] == "back"
    assert b.heard.ended == []


@pytest_twisted.ensureDeferred
async def test_what_a_redis_forgets_while_it_runs_is_claimed_again(
    redis: RedisServer, make: Any
) -> None:
    a, b = await two(make)
    await a.claim("key")
    await speak(a, b)
    redis.command("FLUSHALL")
    await until_answered(lambda: b.find("key"), Owner(a.node, True))
    await speak(a, b, b"again")
    assert a.heard.ended == b.heard.ended == []


@pytest_twisted.ensureDeferred
async def test_scripts_that_were_flushed_are_loaded_again(redis: RedisServer, make: Any) -> None:
    a, b = await two(make)
    redis.command("SCRIPT", "FLUSH")
    assert await a.claim("key") == Owner(a.node, True)
    assert await b.find("key") == Owner(a.node, True)


@pytest_twisted.ensureDeferred
async def test_a_redis_that_hangs_is_away_and_one_that_goes_on_is_back(
    redis: RedisServer, make: Any, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a = make()
    await a.start()
    await a.claim("key")
    client = a._connection._client
    await until(lambda: a._leases._asked_at is None, "its lease is renewed")
    monkeypatch.setattr(leases, "SILENT", 0.5)
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        await until(lambda: a.heard.told == ["away"], "it is told")
        monkeypatch.setattr(leases, "SILENT", 60.0)
        asked = a.find("another")
        a.publish("room", b"x")
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    assert await asked is None
    assert a.heard.told == ["away", "back"]
    assert a._connection._client is client
    assert len([line for line in lines if "it does not answer" in line]) == 1
    assert len([line for line in lines if "can be used" in line]) == 2


@pytest_twisted.ensureDeferred
async def test_a_connection_on_which_nothing_is_answered_is_dropped(
    redis: RedisServer, make: Any, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a = make()
    await a.start()
    client = a._connection._client
    await until(lambda: a._leases._asked_at is None, "its lease is renewed")
    monkeypatch.setattr(leases, "SILENT", 0.5)
    monkeypatch.setattr(leases, "DEAD", 0.7)
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        await until(lambda: a._connection._client is not client, "it is dropped")
        monkeypatch.setattr(leases, "SILENT", 60.0)
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    assert len([line for line in lines if "it does not answer" in line]) == 1
    await until(lambda: a.heard.told == ["away", "back"], "it is back")


@pytest_twisted.ensureDeferred
async def test_a_node_that_does_not_read_is_dropped_by_redis_and_comes_back(
    redis: RedisServer, make: Any
) -> None:
    redis.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0")
    a, b = await two(make)
    heard: list[bytes] = []
    await a.subscribe("room", heard.append)
    a._connection._client.transport.pauseProducing()
    for _ in range(20):
        redis.command("PUBLISH", "txsockjs:0:room", "{" + "x" * 1_000_000)
    assert redis.command("PUBLISH", "txsockjs:0:room", "{") == b":0\r\n"
    a._connection._client.transport.resumeProducing()
    await until(lambda: a.heard.told == ["away", "back"], "it is back")
    await until_answered(lambda: b.subscribers("room"), 1)
    await speak(a, b)
    assert len(heard) < 20


# -- a node that was away for longer than its lease


@pytest_twisted.ensureDeferred
async def test_a_node_that_comes_back_after_its_lease_keeps_what_nobody_took(
    redis: RedisServer, make: Any
) -> None:
    a, b = await two(make)
    await a.claim("kept")
    await a.claim("lost")
    await speak(a, b)
    await until(lambda: a._leases._asked_at is None, "its lease is renewed")
    cut(a)
    redis.end_lease(a.node)
    await until(lambda: b.heard.ended == [a.node], "it is told")
    assert await b.claim("kept") == Owner(a.node, False)
    redis.command("DEL", "txsockjs:claim:lost")  # as if its time was over
    assert await b.claim("lost") == Owner(b.node, True)
    heal(a)
    await until(lambda: "back" in a.heard.told and a.settled, "it is back")
    assert "taken lost" in a.heard.told
    assert a.heard.ended == [b.node]  # what was under way may not have come
    assert await b.find("kept") == Owner(a.node, True)
    assert await a.find("lost") == Owner(b.node, True)
    await until(lambda: a.node in b.nodes, "it is known again")
    await speak(a, b, b"again")


@pytest_twisted.ensureDeferred
async def test_what_is_sent_to_a_node_that_is_gone_is_told_each_time(make: Any) -> None:
    a, b = await two(make)
    await b.stop()
    await until(lambda: a.heard.ended == [b.node], "it is told")
    a.send(b.node, "port", b"x")
    assert a.heard.ended == [b.node]
    await until(lambda: a.heard.ended == [b.node, b.node], "it is told again")


# -- claims


@pytest_twisted.ensureDeferred
async def test_claims_are_renewed_and_end_by_themselves(redis: RedisServer, make: Any) -> None:
    a = make()
    await a.start()
    await a.claim("key")

    def left() -> int:
        return int(redis.command("PTTL", "txsockjs:claim:key")[1:])

    # It holds longer than the lease, of which half may pass meanwhile.
    assert LEASE * 500 < left() <= (LEASE + 1.5 * MEMORY) * 1000
    redis.command("PEXPIRE", "txsockjs:claim:key", "30000")  # as if most of its time was over
    await until(lambda: left() > 30_000, "it is renewed")


@pytest_twisted.ensureDeferred
async def test_a_claim_that_was_cancelled_on_its_way_is_released(
    redis: RedisServer, make: Any
) -> None:
    a, b = await two(make)
    claimed = a.claim("key")
    claimed.addErrback(lambda _: None)
    claimed.cancel()
    await a.claim("another")
    await until_answered(lambda: b.find("key"), None)
    # One that others wait for is not.
    first, second = a.claim("key"), a.claim("key")
    first.addErrback(lambda _: None)
    first.cancel()
    assert await second == Owner(a.node, True)
    await a.claim("a third")
    assert await b.find("key") == Owner(a.node, True)


@pytest_twisted.ensureDeferred
async def test_what_is_released_while_redis_is_away_is_released_later(
    redis: RedisServer, make: Any
) -> None:
    a, b = await two(make)
    await a.claim("key")
    await a.claim("again")
    cut(a)
    await until(lambda: a.heard.told == ["away"], "it is told")
    a.release("key")
    a.release("again")
    claimed = a.claim("again")
    heal(a)
    assert await claimed == Owner(a.node, True)
    await until_answered(lambda: b.find("key"), None)
    assert await b.find("again") == Owner(a.node, True)


@pytest_twisted.ensureDeferred
async def test_no_more_questions_wait_than_are_allowed(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "MOST_WAITING", 2)
    a = make()
    first, second = a.claim("a"), a.find("b")
    with pytest.raises(BusError):
        await a.claim("c")
    second.addErrback(lambda _: None)
    second.cancel()
    third = a.claim("c")
    await a.start()
    assert await first == await third == Owner(a.node, True)


@pytest_twisted.ensureDeferred
async def test_a_key_that_somebody_else_writes_to_disturbs_nothing_else(
    redis: RedisServer, make: Any
) -> None:
    a, b = await two(make)
    redis.command("LPUSH", "txsockjs:claim:list", "x")
    redis.command("SET", "txsockjs:claim:text", "nobody")
    with pytest.raises(BusError, match="WRONGTYPE"):
        await a.claim("list")
    assert await a.claim("text") == Owner("nobody", False)
    await a.claim("key")
    redis.command("DEL", "txsockjs:claim:key")
    redis.command("LPUSH", "txsockjs:claim:key", "x")
    await until(lambda: a.heard.told == ["taken key"], "it is told")
    await speak(a, b)


@pytest_twisted.ensureDeferred
async def test_a_node_that_stops_leaves_nothing_behind(redis: RedisServer, make: Any) -> None:
    a = make()
    await a.start()
    await gatherResults([a.claim(f"{number}") for number in range(1200)])
    # A node that is held up for longer than its lease finds a Redis where nobody lives, which a
    # key with an end of its own tells for some seconds.
    count = "return redis.call('DBSIZE') - redis.call('EXISTS', 'txsockjs:returning')"
    assert redis.command("EVAL", count, "0") == b":1201\r\n"
    await a.stop()
    await until(lambda: redis.command("EVAL", count, "0") == b":0\r\n", "all is taken back")


# -- publications


@pytest_twisted.ensureDeferred
async def test_publications_wait_up_to_a_limit(make: Any) -> None:
    a, b = await two(make)
    heard: list[bytes] = []
    await b.subscribe("room", heard.append)
    cut(a)
    await until(lambda: a.heard.told == ["away"], "it is told")
    for number in range(20):
        a.publish("room", b"%d" % number + b"x" * 100_000)
    assert a.counters["publications_dropped"] == 10
    heal(a)
    await until(lambda: len(heard) == 10, "those that waited came")
    assert [each[:1] for each in heard] == [b"%d" % number for number in range(10)]


# -- foreign programs, secrets, databases


@pytest_twisted.ensureDeferred
async def test_garbage_is_dropped_and_counted(redis: RedisServer, make: Any) -> None:
    a, b = await two(make)
    heard: list[bytes] = []
    await a.subscribe("room", heard.append)
    own = f"txsockjs:0:@node:{a.node}"
    for channel in ("txsockjs:0:room", "txsockjs:0:@nodes", own):
        for message in ("", "\0", "nonsense", "3" + "x" * 40, "1short"):
            redis.command("PUBLISH", channel, message)
    redis.command("PUBLISH", own, "1" + "x" * 16 + "no packet")
    redis.command("PUBLISH", "txsockjs:0:@nodes", "1" + "x" * 16 + "no word")
    redis.command("PUBLISH", "txsockjs:0:@nodes", "{}")
    redis.command("PUBLISH", "txsockjs:0:room", '{"send": ["hi"]}')
    await until(lambda: heard == [b'{"send": ["hi"]}'], "one from another program comes")
    assert a.counters["messages_invalid"] + a.counters["messages_unverified"] == 17
    assert a.counters["packets_invalid"] == 1
    await speak(a, b)
    assert a.heard.ended == []


@pytest_twisted.ensureDeferred
async def test_with_a_secret_only_what_is_signed_by_it_is_taken(
    redis: RedisServer, make: Any, lines: list[str]
) -> None:
    a, b = make(secret="open sesame"), make(secret="open sesame")
    wrong, without = make(secret="sesame"), make()
    heard: list[bytes] = []

    def warned() -> int:
        return sum("cluster_secret" in line for line in lines)

    for bus in (a, b, wrong, without):
        await bus.start()
    await gatherResults([bus.subscribe("room", heard.append) for bus in (b, wrong, without)])
    for bus in (wrong, without):
        bus.publish("room", b"{}")
        bus.send(b.node, "port", b"x")
    redis.command("PUBLISH", "txsockjs:0:room", '{"send": ["hi"]}')
    await until(lambda: b.counters["messages_unverified"] >= 5, "they are counted")
    await speak(a, b)
    a.publish("room", b"right")
    await until(lambda: b"right" in heard, "it came")
    assert {node for node, _ in b.heard.messages} == {a.node}
    await until(lambda: warned() >= 4, "each has heard another")
    assert warned() == 4  # each says it once


@pytest_twisted.ensureDeferred
async def test_databases_and_prefixes_are_worlds_of_their_own(
    redis: RedisServer, make: Any
) -> None:
    url = redis.url[:-1]
    worlds = [make(f"{url}0"), make(f"{url}1"), make(f"{url}1?prefix=mine")]
    heard: list[bytes] = []
    for bus in worlds:
        await bus.start()
        await bus.subscribe("room", heard.append)
        assert await bus.claim("key") == Owner(bus.node, True)
        bus.publish("room", b"x")
    for bus in worlds:
        await bus.find("another")  # what was published before has come
        assert bus.nodes == {bus.node}
        assert await bus.subscribers("room") == 1
    assert heard == []


# -- who may not


@pytest_twisted.ensureDeferred
async def test_a_redis_that_is_not_there_at_start_is_tried_again(
    redis: RedisServer, make: Any, lines: list[str]
) -> None:
    redis.kill()
    bus = make()
    started = bus.start()
    claimed, subscribed = bus.claim("key"), bus.subscribe("room", lambda data: None)
    await until(lambda: lines, "it is said")
    assert not bus.reached
    redis.start()
    await started
    assert await claimed == Owner(bus.node, True)
    await subscribed
    assert bus.reached and bus.connected
    warnings = [line for line in lines if line.startswith("warn")]
    assert len(warnings) == 1
    assert f"can't use {bus.url}: Connection was refused" in warnings[0]
    assert f"info {bus.url} can be used" in lines


@pytest_twisted.ensureDeferred
async def test_a_wrong_password_is_said_once_and_tried_again(
    redis: RedisServer, make: Any, lines: list[str]
) -> None:
    redis.command("CONFIG", "SET", "requirepass", "right")
    url = redis.url.replace("redis://", "redis://:wrong@")
    bus, without = make(url), make()
    started = [bus.start(), without.start()]
    await until(lambda: len(lines) == 2, "it is said")
    assert "WRONGPASS" in "".join(lines) and "NOAUTH" in "".join(lines)
    assert "wrong@" not in "".join(lines)
    with_password = make(url.replace("wrong", "right"))
    await with_password.start()
    assert not bus.reached
    await with_password.stop()
    await until(lambda: bus._connection._retry is not None, "it is tried again")
    redis.kill()
    redis.start("--requirepass", "wrong")
    await started[0]
    assert not without.reached
    redis.kill()
    redis.start()
    await started[1]


@pytest_twisted.ensureDeferred
async def test_a_user_needs_these_rights_and_one_without_them_is_told(
    redis: RedisServer, make: Any, lines: list[str]
) -> None:
    (page,) = (code for _, code in found("cluster.md") if "ACL SETUSER" in code)
    _, *words = shlex.split(page.replace("\\\n", "").replace(">PASSWORD", ">a/b@c"))
    reply = redis.command(*words)
    assert reply == b"+OK\r\n"
    url = redis.url.replace("redis://", "redis://chat:a%2Fb%40c@")
    a, b = make(url), make(url)
    await gatherResults([a.start(), b.start()])
    assert await a.claim("key") == Owner(a.node, True)
    assert await b.find("key") == Owner(a.node, True)
    heard: list[bytes] = []
    await b.subscribe("room", heard.append)
    a.publish("room", b"x")
    await until(lambda: heard == [b"x"], "it came")
    await speak(a, b)
    other = make(f"{url}?prefix=other")
    other.start()
    await until(lambda: any("NOPERM" in line for line in lines), "it is said")
    await until(lambda: other._connection._retry is not None, "it is tried again")
    assert len([line for line in lines if "NOPERM" in line]) == 1
    assert not other.reached


@pytest_twisted.ensureDeferred
async def test_over_tls_only_a_certificate_that_is_trusted_is_taken(
    make: Any, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem, port = str(certificate(tmp_path)), RedisServer.free_port()
    files = ["--tls-cert-file", pem, "--tls-key-file", pem, "--tls-auth-clients", "no"]
    with redis_server("--tls-port", str(port), *files):
        stranger = make(f"rediss://localhost:{port}")
        stranger.start()
        await until(
            lambda: any("certificate verify failed" in line for line in lines), "it is said"
        )
        assert not stranger.reached
        monkeypatch.setenv("SSL_CERT_FILE", pem)
        a, b = make(f"rediss://localhost:{port}"), make(f"rediss://localhost:{port}")
        await gatherResults([a.start(), b.start()])
        await speak(a, b)


@pytest_twisted.ensureDeferred
async def test_a_server_that_is_no_redis_is_told_apart(make: Any, lines: list[str]) -> None:
    from twisted.internet.endpoints import TCP4ServerEndpoint  # noqa: PLC0415
    from twisted.internet.protocol import Factory, Protocol  # noqa: PLC0415

    class Talker(Protocol):
        def connectionMade(self) -> None:
            assert self.transport is not None
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port = await endpoint.listen(Factory.forProtocol(Talker))
    bus = make(f"redis://127.0.0.1:{port.getHost().port}")
    bus.start()
    await until(lambda: any("does not speak" in line for line in lines), "it is said")
    await bus.stop()
    await port.stopListening()


def test_it_is_a_bus(make: Any) -> None:
    assert isinstance(make(), Bus)
