"""The snapshot of a request, and what is read of it when it is asked for."""

from __future__ import annotations

import pytest

from txsockjs.actors.info import read_cookies
from txsockjs.http.snapshot import connection_info
from txsockjs.settings import Settings

from ...support.exchanges import request


def test_the_snapshot_can_not_be_changed() -> None:
    info = connection_info(request(query=b"a=1&a=2&b=%C3%A9&c="), Settings(), "xhr")
    assert info.arguments == {"a": ["1", "2"], "b": ["é"], "c": [""]}
    assert info.get_argument("a") == "1"
    assert info.get_argument("x") is None
    assert info.query == "a=1&a=2&b=%C3%A9&c="
    assert info.path == "/echo/000/abc/xhr"
    with pytest.raises(AttributeError):
        info.ip = "6.6.6.6"
    assert repr(info) == "%s" % info == "<ConnectionInfo 192.0.2.1 xhr /echo/000/abc/xhr>"  # noqa: UP031


def test_the_snapshots_of_two_clients_are_never_taken_for_one() -> None:
    infos = [connection_info(request(), Settings(), "xhr") for _ in range(2)]
    assert infos[0] != infos[1]
    assert len(set(infos)) == 2


def test_broken_cookies_are_no_cookies() -> None:
    for broken in ("", "=", ";;;", "a b c", "\xff=\x01"):
        assert "sid" not in read_cookies(broken)
