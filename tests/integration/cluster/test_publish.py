"""Publishing from outside: the command, and `Publisher`, to a node at a real Redis."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from txsockjs.cluster import Publisher
from txsockjs.cluster.redis import RedisBus

from ...support.docs import found
from ...support.redis_server import RedisServer
from ...support.running import ROOT
from ...support.waiting import until


def publish(*words: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it said."""
    command = [sys.executable, "-m", "txsockjs", "publish", *words]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert "Traceback" not in ended.stderr
    return ended.returncode, (ended.stdout + ended.stderr).strip()


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("secret", [None, "open sesame"])
async def test_a_room_hears_it(redis: RedisServer, secret: str | None) -> None:
    bus = RedisBus(redis.url, reactor, secret)
    heard: list[Any] = []
    await bus.start()
    await bus.subscribe("room:/chat#lobby", lambda data: heard.append(json.loads(data)))
    signed = [] if secret is None else ["--cluster-secret", secret]
    result: Any = await deferToThread(
        publish, *signed, redis.url, "/chat", "lobby", "The shop opens", "\u2603"
    )
    assert result == (0, "published to 1 node")
    publisher = Publisher(redis.url, reactor, secret)
    assert await publisher.room("/chat", "lobby").post({"a": 1}) == 1
    assert await publisher.room("/chat", "empty").send("x") == 0
    await publisher.close()
    await until(lambda: len(heard) == 2, "it came")
    assert heard == [{"v": 1, "send": ["The shop opens", "\u2603"]}, {"v": 1, "post": [{"a": 1}]}]
    await bus.stop()


@pytest_twisted.ensureDeferred
async def test_a_program_of_another_language_does_what_the_page_says(redis: RedisServer) -> None:
    plain, signed = RedisBus(redis.url, reactor), RedisBus(redis.url, reactor, "secret")
    heard: list[tuple[str, Any]] = []
    for name, bus in (("plain", plain), ("signed", signed)):
        await bus.start()
        await bus.subscribe(
            "room:/chat#lobby",
            lambda data, name=name: heard.append((name, json.loads(data))),  # type: ignore[misc]
        )
    (line,) = (code for _, code in found("cluster.md") if "PUBLISH" in code and "ACL" not in code)
    _, *command = shlex.split(line)
    redis.command(*command)
    names: dict[str, Any] = {}
    exec(next(code for _, code in found("cluster.md") if "def sign" in code), names)
    _, channel, data = command
    redis.command("PUBLISH", channel, names["sign"]("secret", channel, data))
    await until(lambda: len(heard) == 2, "both came")
    said = {"send": ["The shop opens"]}
    assert sorted(heard, key=str) == [("plain", said), ("signed", said)]  # on two connections
    await plain.stop()
    await signed.stop()


def test_what_is_wrong_is_one_line(redis: RedisServer) -> None:
    for words, said in (
        (["http://h", "/chat", "lobby", "x"], "a cluster must be redis://"),
        ([redis.url, "chat", "lobby", "x"], "a prefix must be"),
        ([redis.url, "/chat", "", "x"], "the name of a room must have"),
        ([redis.url, "/chat"], "wanted: "),
    ):
        code, line = publish(*words)
        assert code == 1
        assert line.startswith(f"txsockjs: {said}")
        assert "\n" not in line


def test_a_redis_that_is_not_there_is_named() -> None:
    code, line = publish("redis://127.0.0.1:1", "/chat", "lobby", "x")
    assert code == 1
    assert line.startswith("txsockjs: not published to redis://127.0.0.1:1/0: Connection was ref")
