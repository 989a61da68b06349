"""The admin site behind nginx, by a name of its own, set up as the documentation shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..integration.test_admin import BEARER, TOKEN, asked, serving
from ..support import proxies
from ..support.frames import TEXT
from ..support.peer import Peer, Response
from ..support.websocket import WebSocket, upgrade

OWN = {"Host": "ops.example"}


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of nginx before an admin site that knows its name, and has a token."""
    (tmp_path / "token").write_text(TOKEN)
    options = ["--admin-name", "ops.example", "--admin-token", str(tmp_path / "token")]
    with serving("1", *options) as site, proxies.nginx_of_admin(tmp_path, site.admin) as url:
        yield int(url.rpartition(":")[2])


def ask(port: int, path: str, **headers: str) -> Response:
    peer = Peer(port)
    try:
        return asked(peer, "GET", path, {**OWN, **headers})
    finally:
        peer.close()


def test_it_takes_the_token_from_whoever_comes_through_it(port: int) -> None:
    assert ask(port, "/").status == 200
    assert ask(port, "/ready").body == b"ready\n"
    assert ask(port, "/sessions").status == 401
    assert ask(port, "/sessions", **BEARER).status == 200
    assert ask(port, "/", Host="evil.example").status == 421


def test_the_page_is_live_through_it(port: int) -> None:
    peer = Peer(port)
    socket = WebSocket(peer, "/feed/websocket", {**OWN, "Origin": "https://ops.example"})
    socket.say(f'{{"token": "{TOKEN}"}}')
    frame = socket.frame()
    assert frame.opcode == TEXT
    assert frame.payload.startswith(b'{"interval": ')
    peer.close()
    peer = Peer(port)
    peer.send(upgrade("/feed/websocket", {**OWN, "Origin": "https://evil.example"}))
    assert peer.response().status == 403
    peer.close()
