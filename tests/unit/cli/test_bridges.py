"""What the table of a mount may say about a bridge."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs import SettingsError, SockJSConnection
from txsockjs.cli.bridges import KEYS, bridged
from txsockjs.protocols.gateway import Upstream
from txsockjs.protocols.web_upstream import WebUpstream

URL = WebUpstream("ws://x/y")
ENDPOINT = Upstream("tcp:x:1")
SOME: dict[str, Any] = {"connect_timeout": 5, "fallback_encoding": "replace"}
MORE: dict[str, Any] = {
    "headers": ["X-A"],
    "cookies": ["b"],
    "pass_query": False,
    "pass_origin": True,
    "pass_address": False,
}


def test_each_kind_has_what_it_may_have() -> None:
    assert {*SOME, *MORE} == set(KEYS)
    url = bridged(URL, "ws://x/y", {**SOME, **MORE, "prefix": "/other"})
    assert url == WebUpstream("ws://x/y", 5, "replace", ("X-A",), ("b",), False, True, False)
    assert bridged(ENDPOINT, "endpoint:", SOME) == Upstream("tcp:x:1", 5, "replace")
    assert bridged(SockJSConnection, "app.Chat", {}) is SockJSConnection


@pytest.mark.parametrize(
    ("app", "table", "words"),
    [
        (ENDPOINT, {"headers": []}, "headers is for a URL to bridge to, not for NAME"),
        (SockJSConnection, {"pass_query": True}, "pass_query is for a URL to bridge to"),
        (SockJSConnection, {"connect_timeout": 1}, "is for an endpoint: or a URL to bridge to"),
        (URL, {"connect_timeout": -1}, "connect_timeout must be > 0 seconds, not -1"),
        (URL, {"headers": "X-A"}, "headers must be a list of names, not 'X-A'"),
        (URL, {"headers": [1]}, "headers must be a list of names"),
        (URL, {"headers": ["a b"]}, "not the name of a header: 'a b'"),
        (URL, {"cookies": ["a b"]}, "not the name of a cookie"),
        (URL, {"pass_query": "no"}, "pass_query must be true or false, not 'no'"),
        (URL, {"fallback_encoding": "x"}, "fallback_encoding must be a text encoding"),
    ],
)
def test_what_is_wrong_is_said(app: Any, table: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        bridged(app, "NAME", table)
