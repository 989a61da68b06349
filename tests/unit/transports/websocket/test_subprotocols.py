"""Subprotocols of raw websockets: which one is agreed on, and who hears of it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol

from txsockjs import SockJSConnection
from txsockjs.cli.options import Options
from txsockjs.cli.plan import Plan
from txsockjs.protocols.connection import connection_class

from ....support.memory import Lab
from ....support.sites import SiteLab


class Told(SockJSConnection):
    """Notes what was agreed on."""

    log: list[Any]

    def on_open(self, info: Any) -> None:
        self.log.append(info.subprotocol)


OURS = ("v12.stomp", "v11.stomp")


def agreed(data: bytes) -> list[bytes]:
    """What the answer names."""
    head = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert head[0] == b"HTTP/1.1 101 Switching Protocols"
    return [line[24:] for line in head if line.lower().startswith(b"sec-websocket-protocol: ")]


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("v12.stomp", "v12.stomp"),
        ("v11.stomp", "v11.stomp"),
        ("v11.stomp, v12.stomp", "v12.stomp"),
        ("mqtt,v11.stomp ,\tv10.stomp", "v11.stomp"),
        ("mqtt", None),
        ("V12.STOMP", None),
        ("v12.stompx", None),
        ("", None),
        (",,", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("fast", [True, False])
def test_the_first_of_ours_that_is_offered_is_answered(
    offer: str | None, answer: str | None, fast: bool
) -> None:
    lab = SiteLab("", base=Told, fast=fast, subprotocols=OURS)
    headers = {} if offer is None else {"Sec_WebSocket_Protocol": offer}
    socket = lab.connect()
    socket.upgrade("/websocket", **headers)
    assert agreed(socket.received) == ([] if answer is None else [answer.encode()])
    assert lab.log == [answer]
    lab.settle()


@pytest.mark.parametrize("fast", [True, False])
def test_an_offer_may_be_in_several_headers(fast: bool) -> None:
    lab = SiteLab("", base=Told, fast=fast, subprotocols=OURS)
    socket = lab.connect()
    lines = {"Sec_WebSocket_Protocol": "mqtt\r\nSec-WebSocket-Protocol: v11.stomp"}
    socket.upgrade("/websocket", **lines)
    assert agreed(socket.received) == [b"v11.stomp"]
    lab.settle()


def test_none_is_echoed_unasked() -> None:
    lab = Lab(Told)
    socket = lab.upgrade("/websocket", Sec_WebSocket_Protocol="v12.stomp")
    assert agreed(socket.received) == []
    lab.settle()


def test_there_is_none_under_sockjs_frames() -> None:
    lab = Lab(Told, subprotocols=OURS)
    socket = lab.upgrade("/000/abc/websocket", Sec_WebSocket_Protocol="v12.stomp")
    assert agreed(socket.received) == []
    lab.xhr("/000/other/xhr", Sec_WebSocket_Protocol="v12.stomp")
    assert lab.log == [None, None]
    lab.settle()


def test_a_wrapped_protocol_finds_it_in_the_description_of_the_request() -> None:
    found = []

    class Stomp(Protocol):
        def connectionMade(self) -> None:
            transport: Any = self.transport
            found.append(transport.connection.info.subprotocol)

    lab = Lab(connection_class(Factory.forProtocol(Stomp), None), subprotocols=OURS)
    lab.upgrade("/websocket", Sec_WebSocket_Protocol="v11.stomp")
    assert found == ["v11.stomp"]
    lab.settle()


def test_each_mount_may_have_its_own(tmp_path: Any) -> None:
    file = tmp_path / "sockjs.toml"
    file.write_text(
        """
[settings]
subprotocols = ["one"]

[[mount]]
prefix = "/stomp"
app = "endpoint:tcp:127.0.0.1:61613"
settings = { subprotocols = ["v12.stomp", "v11.stomp"] }

[[mount]]
prefix = "/other"
app = "endpoint:tcp:127.0.0.1:61614"
"""
    )
    plan = Plan.read(str(file))
    assert [plan.settings_of(mount).subprotocols for mount in plan.mounts] == [OURS, ("one",)]


def test_the_option_is_a_list() -> None:
    options: Any = Options()
    options.parseOptions(
        ["--mount", "/stomp=endpoint:tcp:a:1", "--subprotocols", "v12.stomp,v11.stomp"]
    )
    (mount,) = options.plan.mounts
    assert options.plan.settings_of(mount).subprotocols == OURS
