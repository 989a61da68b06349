"""A terminal for a SockJS server, in memory."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python import usage

from txsockjs.cli import connect as module
from txsockjs.cli.connect import ConnectOptions, Input, Terminal

from ...support.client_network import ClientLab


class Bench:
    """A terminal that is connected, and its input."""

    def __init__(self, *words: str) -> None:
        options = ConnectOptions()
        options.parseOptions(["http://server.example/echo", *words])
        self.lab = ClientLab()
        self.output: Any = io.BytesIO()
        self.codes: list[int] = []
        clock = self.lab.clock
        self.terminal = self.lab.connect(lambda: Terminal(clock, options, self.output))
        self.terminal.over.addCallback(self.codes.append)
        self.input = Input(clock, self.terminal)
        self.terminal.transport.registerProducer(self.input, True)

    def read(self, data: bytes) -> None:
        self.input.received(data)
        self.lab.advance()

    def settle(self) -> None:
        self.lab.advance(2)
        assert len(self.codes) == 1
        self.lab.settle()


def test_lines_are_messages_and_messages_lines(capsys: Any) -> None:
    bench = Bench()
    bench.read(b"one\r\ntwo\nthr")
    bench.read("ee é".encode())
    assert bench.output.getvalue() == b"one\ntwo\n"
    bench.read(b"")
    assert bench.output.getvalue() == "one\ntwo\nthree é\n".encode()
    bench.settle()
    assert bench.codes == [0]
    assert capsys.readouterr().err == "txsockjs: closed with 1000 Normal closure\n"


def test_after_the_end_of_input_messages_are_waited_for() -> None:
    bench = Bench("--wait", "3")
    bench.read(b"")
    bench.lab.advance(2.8)
    assert bench.codes == []
    bench.lab.advance(0.3)
    assert bench.codes == [0]
    bench.settle()


@pytest.mark.parametrize("wrong", [b"5", b"x"])
def test_json_lets_any_message_be_a_line(capsys: Any, wrong: bytes) -> None:
    bench = Bench("--json")
    bench.read(b'"two\\nlines \\u2028"\n')
    assert bench.output.getvalue() == b'"two\\nlines \\u2028"\n'
    bench.read(wrong + b"\n")
    bench.settle()
    assert bench.codes == [1]
    assert f"txsockjs: not a JSON string: {wrong!r}" in capsys.readouterr().err


def test_of_wrong_input_the_first_line_is_said(capsys: Any) -> None:
    bench = Bench("--json")
    bench.read(b"1\n2\n" + b"[" * 100_000 + b"\n")
    bench.settle()
    assert bench.codes == [1]
    assert capsys.readouterr().err.count("not a JSON string") == 1


def test_a_line_that_does_not_end_is_refused(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_LONGEST_LINE", 1000)
    bench = Bench()
    bench.read(b"x" * 600)
    bench.read(b"x" * 401)
    bench.read(b"x\n")
    bench.settle()
    assert bench.codes == [1]
    assert bench.output.getvalue() == b""
    assert "txsockjs: a line of more than 1000 bytes\n" in capsys.readouterr().err


def test_input_that_cannot_be_read_ends_it(capsys: Any, monkeypatch: Any) -> None:
    bench = Bench()
    monkeypatch.setattr(module, "blockingCallFromThread", lambda _, call, *args: call(*args))
    bench.input._descriptor = -1
    bench.input._may_read.set()
    bench.input._read()
    bench.settle()
    assert bench.codes == [1]
    assert "txsockjs: cannot read: Bad file descriptor\n" in capsys.readouterr().err


def test_output_that_takes_nothing_ends_it(capsys: Any, monkeypatch: Any) -> None:
    bench = Bench()
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # it is replaced

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    bench.terminal._output.write = full  # type: ignore[method-assign]
    bench.read(b"one\n")
    sys.stdout.close()
    bench.settle()
    assert bench.codes == [1]
    assert "txsockjs: cannot write: No space left on device\n" in capsys.readouterr().err


def test_streams_that_the_shell_has_closed_are_empty(monkeypatch: Any) -> None:
    lab = ClientLab()
    monkeypatch.setattr(ConnectOptions, "endpoint", lambda self, reactor: lab.endpoint())
    options = ConnectOptions()
    options.parseOptions(["http://server.example/echo", "--wait", "1"])
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    codes: list[int] = []
    Deferred.fromCoroutine(options.run(lab.clock)).addCallback(codes.append)
    lab.advance(2)
    assert codes == [0]
    lab.settle()


def test_so_many_messages_are_enough_or_too_few() -> None:
    bench = Bench("--count", "2")
    bench.read(b"1\n2\n")
    bench.settle()
    assert bench.codes == [0]
    bench = Bench("--count", "2", "--wait", "0")
    bench.read(b"1\n")
    bench.read(b"")
    bench.settle()
    assert bench.codes == [4]


@pytest.mark.parametrize(("count", "code"), [((), 0), (("--count", "1"), 4)])
def test_a_server_that_closes_ends_it(count: Any, code: int) -> None:
    bench = Bench(*count)
    bench.read(b"")
    bench.terminal.send("close")
    bench.settle()
    assert bench.codes == [code]


def test_a_connection_that_is_lost_ends_it(capsys: Any) -> None:
    bench = Bench()
    for end in list(bench.lab.network.ends):
        end.cut()
    bench.settle()
    assert bench.codes == [3]
    assert "txsockjs: lost with 1006" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_ends_it(monkeypatch: Any) -> None:
    bench = Bench()
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # it is replaced

    def broken(_: bytes) -> None:
        raise BrokenPipeError

    bench.output = broken
    bench.terminal._output.write = broken  # type: ignore[method-assign]
    bench.read(b"one\n")
    sys.stdout.close()
    bench.settle()
    assert bench.codes == [0]


def test_input_is_read_as_the_server_takes_it() -> None:
    bench = Bench("--transport", "xhr_polling")
    may_read = bench.input._may_read
    bench.lab.network.jammed = True
    may_read.set()
    bench.read(b"x" * 100_000 + b"\n" + b"y" * 100_000 + b"\n")
    assert not may_read.is_set()
    bench.lab.network.drain()
    bench.lab.advance()
    assert may_read.is_set()
    bench.read(b"")
    bench.settle()


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("--wait", "x"), "--wait must be seconds, not 'x'"),
        (("--count", "0"), "--count must be a number > 0, not '0'"),
        (("--count", "x"), "--count must be a number > 0, not 'x'"),
    ],
)
def test_what_is_wrong_is_said(words: Any, rule: str) -> None:
    with pytest.raises(usage.UsageError, match=rule):
        ConnectOptions().parseOptions(["http://x/y", *words])
