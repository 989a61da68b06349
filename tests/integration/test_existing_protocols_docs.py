"""The pages on existing protocols and on txsockjs 1.x: each block runs, each name is there."""

from __future__ import annotations

import importlib
import os
import re
import shlex

import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.tap import portforward

from txsockjs import Settings
from txsockjs.cli.options import Options
from txsockjs.cli.plan import Plan
from txsockjs.endpoints import SockJSServerEndpoint
from txsockjs.protocols.gateway import (
    CONNECT_TIMEOUT,
    TIMED_OUT,
    UNREACHABLE,
    UPSTREAM_CLOSED,
    UPSTREAM_LOST,
    Upstream,
)
from txsockjs.protocols.options_1x import OPTIONS
from txsockjs.protocols.transport import NOT_TEXT, SockJSTransport
from txsockjs.testing.network import Transport

from ..support.running import ROOT


def page(name):
    with open(os.path.join(ROOT, "docs", name), encoding="utf-8") as file:
        return file.read()


EXISTING, OLD = page("existing-protocols.md"), page("migrating-from-txsockjs-1.md")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def cells(text, heading):
    """The rows of the table that starts with these column names, as lists of cells."""
    table = text.partition(f"| {heading} |")[2].partition("\n\n")[0]
    rows = [row.strip("|").split("|") for row in table.splitlines()[2:]]
    return [[cell.strip() for cell in row] for row in rows]


def test_no_block_is_of_a_kind_that_nothing_runs():
    known = {"python", "js", "sh", "text", "toml"}
    assert set(re.findall(r"^```(\w+)$", EXISTING + OLD, re.MULTILINE)) <= known


class Served:
    """What a program listened with, spoken to in memory."""

    def __init__(self, code, monkeypatch):
        self.ports, ran = {}, []
        monkeypatch.setattr(reactor, "listenTCP", self.ports.__setitem__)
        monkeypatch.setattr(reactor, "run", lambda: ran.append(set(self.ports)))
        self.names = {"__name__": "program"}
        exec(compile(code, "docs", "exec"), self.names)
        # It runs as it stands, and listens before it does.
        assert ran == [set(self.ports)]
        self.factory = self.ports[8080]
        self.transports = []

    def upgrade(self, path):
        transport = Transport(Clock(), "192.0.2.1")
        transport.protocol = self.factory.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        transport.protocol.dataReceived(
            f"GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            "".encode()
        )
        self.transports.append(transport)
        return transport

    def say(self, transport, text):
        payload = text.encode()
        head = bytes((0x81, 0x80 | len(payload))) + b"\0\0\0\0"
        transport.protocol.dataReceived(head + payload)

    def end(self):
        for transport in self.transports:
            transport.loseConnection()


@pytest.mark.parametrize(
    ("text", "number", "paths", "said", "heard"),
    [
        (EXISTING, 0, ["/chat/0/a/websocket"] * 2, '"hi\\r\\n"', b'a["hi\\r\\n"]'),
        (EXISTING, 1, ["/echo/0/a/websocket"], '"hi"', b'a["hi"]'),
        (EXISTING, 2, ["/echo/0/a/websocket"], '"hi"', b'a["hi"]'),
        (OLD, 0, ["/0/a/websocket"] * 2, '"hi"', b'a["hi"]'),
        (OLD, 1, ["/echo/0/a/websocket"], '"hi"', b'a["hi"]'),
        (OLD, 2, ["/echo/0/a/websocket"], '"hi"', b'a["hi"]'),
    ],
)
def test_each_program_serves_what_it_says(text, number, paths, said, heard, monkeypatch):
    served = Served(blocks(text, "python")[number], monkeypatch)
    transports = [served.upgrade(path) for path in paths]
    served.say(transports[0], said)
    for transport in transports:
        assert heard in transport.value()
    served.end()


@pytest.mark.parametrize(("text", "path"), [(EXISTING, "/chat/0/a"), (OLD, "/0/a")])
def test_bytes_of_one_person_that_are_no_text_do_not_end_the_sessions_of_others(
    text, path, monkeypatch
):
    served = Served(blocks(text, "python")[0], monkeypatch)
    page, raw = served.upgrade(path + "/websocket"), served.upgrade(path[:-4] + "/websocket")
    raw.protocol.dataReceived(b"\x82\x85\0\0\0\0\xff\xfe\x80\r\n")
    assert page.value().endswith(rb'a["\ufffd\ufffd\ufffd\r\n"]')
    assert raw.value().endswith(b"\x82\x05\xff\xfe\x80\r\n")
    if 6000 in served.ports:
        telnet = served.ports[6000].buildProtocol(None)
        telnet.makeConnection(StringTransport())
        telnet.dataReceived(b"\xff\xfe\x80 or so\r\n")
        assert page.value().endswith(rb'a["\ufffd\ufffd\ufffd or so\r\n"]')
        telnet.connectionLost(None)
    assert not page.disconnecting
    served.end()


def test_every_program_is_among_them():
    assert len(blocks(EXISTING, "python")) == len(blocks(OLD, "python")) == 3


def test_each_endpoint_string_is_one():
    (strings,) = blocks(EXISTING, "text")
    endpoints = [serverFromString(MemoryReactorClock(), line) for line in strings.splitlines()]
    assert [type(endpoint) for endpoint in endpoints] == [SockJSServerEndpoint] * 3


def test_each_command_line_is_understood():
    lines = [line for block in blocks(EXISTING, "sh") for line in block.splitlines()]
    mounted = []
    for line in lines:
        program, nodaemon, command, *arguments = shlex.split(line)
        assert (program, nodaemon) == ("twistd", "-n")
        if command == "sockjs":
            options = Options()
            options.parseOptions(arguments)
            for mount in options.plan.mounts:
                mounted.append((mount.prefix, mount.connection.description))
                mount.connection_on(MemoryReactorClock())
        else:
            assert command == "portforward"
            forward = portforward.Options()
            forward.parseOptions(arguments)
            endpoint = serverFromString(MemoryReactorClock(), forward["port"])
            assert isinstance(endpoint, SockJSServerEndpoint)
    assert mounted == [
        ("/irc", "tcp:irc.example.net:6667"),
        ("/irc", "tcp:irc.example.net:6667:timeout=5"),
        ("/db", "unix:/run/db"),
    ]


def test_the_file_is_one(tmp_path):
    (tmp_path / "sockjs.toml").write_text(blocks(EXISTING, "toml")[0])
    (mount,) = Plan.read(str(tmp_path / "sockjs.toml")).mounts
    assert mount.connection == Upstream("tls:irc.example.net:6697", 5.0, "latin-1")


def test_the_reasons_are_those_of_the_code():
    told = [row[0].strip("`") for row in cells(EXISTING, "the client is told | when")]
    reasons = (UPSTREAM_CLOSED, UPSTREAM_LOST, UNREACHABLE, TIMED_OUT)
    assert told == [f"{code} {words}" for code, words in reasons]
    assert f"`{NOT_TEXT[0]} {NOT_TEXT[1]}`" in EXISTING
    assert f"after `connect_timeout` seconds ({CONNECT_TIMEOUT:g})" in EXISTING


def test_what_a_protocol_can_call_is_on_its_transport():
    names = {
        name
        for row in cells(EXISTING, "the protocol calls | what happens")
        for name in re.findall(r"`(\w+)", row[0])
    }
    assert len(names) >= 13
    instance_only = {"connected", "disconnecting", "connection"}
    assert all(hasattr(SockJSTransport, name) for name in names - instance_only)


def test_each_old_name_can_be_imported():
    rows = cells(OLD, "1.x | here")
    found = [re.match(r"`(txsockjs\.\w+)\.(\w+)", row[0]) for row in rows]
    names = [match.groups() for match in found if match]
    assert len(names) == len(rows) - 1 == 5
    for module, name in names:
        assert callable(getattr(importlib.import_module(module), name))


def test_the_table_of_options_is_that_of_the_code():
    rows = cells(OLD, "option | setting | changed")
    told = {row[0].strip("`"): row[1].strip("`") for row in rows}
    assert told == {name: option.setting for name, option in OPTIONS.items()}
    for setting in set(told.values()) - {"fallback_encoding"}:
        assert hasattr(Settings(), setting)
