"""Trying each transport of a server, in memory."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python import usage

from txsockjs.cli.check import CheckOptions, Result, findings

from ...support.client_network import ClientLab, response

NAMES = ["websocket", "xhr_streaming", "eventsource", "xhr_polling"]


class Bench:
    """A check of a server in memory, and what it wrote."""

    def __init__(self, capsys: Any, **settings: Any) -> None:
        self.lab = ClientLab(**settings)
        self.capsys = capsys

    def check(self, *words: str, seconds: float = 30) -> tuple[int, str]:
        lab = self.lab

        class Checking(CheckOptions):
            def endpoint(self, reactor: Any) -> Any:
                return lab.endpoint(timeout=1)

        options = Checking()
        options.parseOptions(["http://server.example/echo", *words])
        codes: list[int] = []
        Deferred.fromCoroutine(options.run(lab.clock)).addCallback(codes.append)
        lab.advance(seconds)
        (code,) = codes
        return code, self.capsys.readouterr().out


def test_all_is_well(capsys: Any) -> None:
    bench = Bench(capsys)
    code, output = bench.check()
    assert code == 0
    assert [line.split()[:2] for line in output.splitlines()] == [
        [name, "works"] for name in ["info", *NAMES]
    ]
    # Nothing was sent.
    assert [each if each == "open" else each[0] for each in bench.lab.log] == ["open", "close"] * 4
    bench.lab.settle()


def test_the_same_as_json(capsys: Any) -> None:
    bench = Bench(capsys)
    code, output = bench.check("--json")
    value = json.loads(output)
    assert code == 0
    assert value["url"] == "http://server.example/echo"
    assert value["info"]["websocket"] is True
    assert [each["transport"] for each in value["transports"]] == NAMES
    assert all(each["works"] for each in value["transports"])
    assert value["findings"] == []
    bench.lab.settle()


def test_sessions_are_held_and_heartbeats_counted(capsys: Any) -> None:
    bench = Bench(capsys, heartbeat_delay=10)
    code, output = bench.check("--hold", "25", "--json", seconds=200)
    assert code == 0
    assert [each["heartbeats"] for each in json.loads(output)["transports"]][1:] == [2, 2, 2]
    bench.lab.settle()


def test_a_proxy_that_ends_what_is_idle(capsys: Any) -> None:
    bench = Bench(capsys)

    def cut() -> None:
        for end in list(bench.lab.network.ends):
            end.cut()

    for second in range(1, 40, 2):
        bench.lab.clock.callLater(second, cut)
    code, output = bench.check("--hold", "5", seconds=100)
    assert code == 2
    assert "it did not stay open: lost with 1006" in output
    assert "Something on the way ends connections that are idle" in output
    bench.lab.settle()


def test_a_proxy_that_breaks_websockets(capsys: Any) -> None:
    bench = Bench(capsys)
    bench.lab.network.answer = lambda r: response(b"", "400 No") if b"Upgrade: " in r else None
    code, output = bench.check()
    assert code == 3
    assert "websocket       FAILS" in output
    assert "Something on the way breaks websockets" in output
    bench.lab.settle()


def test_a_proxy_that_buffers(capsys: Any) -> None:
    bench = Bench(capsys)
    bench.lab.network.answer = lambda r: b"" if b"streaming " in r or b"source " in r else None
    code, output = bench.check()
    assert code == 3
    assert "xhr_streaming   FAILS              it did not open within 1 s" in output
    assert "Something on the way holds responses back" in output
    assert "breaks websockets" not in output
    bench.lab.settle()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (response(b"", "404 Not Found"), "xhr_send was answered with 404"),
        (b"HTTP/1.1 200", "xhr_send failed: "),
    ],
)
def test_a_balancer_that_spreads_the_requests_of_a_session(
    capsys: Any, answer: bytes, words: str
) -> None:
    bench = Bench(capsys)
    bench.lab.network.answer = lambda r: answer if b"xhr_send" in r else None
    code, output = bench.check(seconds=60)
    assert code == 3
    assert words in output
    assert ("different servers" in output) is ("404" in words)
    bench.lab.settle()


def test_what_a_server_says_does_nothing_to_the_terminal(capsys: Any) -> None:
    bench = Bench(capsys)
    refused = response(b'c[3000,"\\u001b[2J \\ud800 \xe2\x98\x83"]\n')
    bench.lab.network.answer = lambda r: refused if b"/xhr " in r else None
    _, output = bench.check()
    assert "the server closed with 3000 \\x1b[2J \\ud800 ☃\n" in output
    bench.lab.settle()


@pytest.mark.parametrize(("error", "raised"), [(BrokenPipeError(), None), (OSError(28, "full"), 1)])
def test_output_that_takes_nothing(monkeypatch: Any, error: OSError, raised: int | None) -> None:
    class Full:
        def write(self, text: str) -> None:
            raise error

    lab = ClientLab()
    monkeypatch.setattr(CheckOptions, "endpoint", lambda self, reactor: lab.endpoint())
    options = CheckOptions()
    options.parseOptions(["http://server.example/echo"])
    monkeypatch.setattr(sys, "stdout", Full())
    ends: list[Any] = []
    Deferred.fromCoroutine(options.run(lab.clock)).addBoth(ends.append)
    lab.advance(30)
    sys.stdout.close()
    monkeypatch.undo()
    if raised is None:
        assert ends == [0]
    else:
        assert ends[0].value.code == "txsockjs: cannot write: full"
    lab.settle()


def test_a_session_that_ends_while_it_sends_is_the_reason(capsys: Any) -> None:
    bench = Bench(capsys)
    polls: list[bytes] = []

    def answer(request: bytes) -> bytes | None:
        if b"xhr_send" in request:
            return b""
        if b"/xhr " not in request:
            return None
        polls.append(request)
        return None if len(polls) == 1 else response(b"", "404 Not Found")

    bench.lab.network.answer = answer
    code, output = bench.check("--transport", "xhr", seconds=60)
    assert code == 3
    assert "it did not stay open: lost with 1006 xhr was answered with 404" in output
    assert "different servers" in output
    assert "idle" not in output
    bench.lab.settle()


def test_what_is_off_does_not_fail(capsys: Any) -> None:
    bench = Bench(capsys, disabled_transports="websocket")
    code, output = bench.check()
    assert code == 0
    assert "websocket       off                the server says that it has none" in output
    bench.lab.settle()


def test_where_nothing_is(capsys: Any) -> None:
    bench = Bench(capsys)
    bench.lab.network.refuses = True
    code, output = bench.check()
    assert (code, output) == (2, "info: Connection was refused by other side: refused.\n")
    bench.lab.network.refuses = False
    bench.lab.network.answer = lambda r: None if b"/info" in r else response(b"", "502 Bad")
    code, output = bench.check()
    assert code == 2
    assert output.count("FAILS") == 4
    bench.lab.settle()


def test_one_transport_tells_nothing_about_others() -> None:
    assert findings([Result("websocket", why="refused")]) == []
    assert findings([Result("xhr_streaming", why="late", late=True)]) == []


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(usage.UsageError, match="--hold must be seconds"):
        CheckOptions().parseOptions(["http://x/y", "--hold", "-1"])
