"""Prefixes: what a mount, a router and the fast way make of the same ones."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs import SettingsError, SockJSConnection, SockJSRouter
from txsockjs.cli.mount import Mount
from txsockjs.http.prefix import check_prefix
from txsockjs.wire.request_head import read_request

from ...support.sites import POLL, SiteLab

ACCEPTED = [
    *[("", ""), ("/", ""), ("/chat", "/chat"), ("/chat/", "/chat"), ("/a/b/c", "/a/b/c")],
    *[("/a.b-c_d~e+f", "/a.b-c_d~e+f"), ("/.a/b.", "/.a/b."), ("/.../a", "/.../a")],
    *[(f"/{character}", f"/{character}") for character in "-._~!$&'()*+,;=:@"[2:]],
]
REFUSED = [
    *("chat", "//", "/a//b", "//a", "/a//", "a/b", " /a", "/a ", "/a b", "/a\n", "/a\r\nX: y"),
    *("/.", "/..", "/./", "/../", "/a/./b", "/a/../b", "/a/..", "/a/.", "/./a", "/../a"),
    *("/a?b", "/a#b", "/<x>", "/a%b", "/a%20b", "/\u0447", "/\xe9", '/"', "/[a]", "/\0"),
]


def as_routers_have_it(text: Any) -> str:
    return SockJSRouter(SockJSConnection, text, reactor=Clock()).prefix


def as_mounts_have_it(text: str) -> str:
    return Mount.parse(f"{text}=txsockjs.SockJSConnection").prefix


@pytest.mark.parametrize(("text", "prefix"), ACCEPTED)
def test_a_prefix_is_a_path_without_a_slash_at_its_end(text: str, prefix: str) -> None:
    assert check_prefix(text) == as_routers_have_it(text) == as_mounts_have_it(text) == prefix
    data = POLL.replace(b"/chat/", prefix.encode() + b"/")
    request = read_request(data)
    assert request is not None
    assert request.prefix == prefix
    lab = SiteLab(prefix)
    client = lab.connect()
    client.send(data)
    assert (client.answers[0].body, client.is_fast) == ([b"o\n"], True)
    lab.settle()


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_literal_path_is_refused(text: str) -> None:
    for have in (check_prefix, as_routers_have_it, as_mounts_have_it):
        with pytest.raises(SettingsError) as caught:
            have(text)
        assert str(caught.value) == f"a prefix must be / or a path such as /chat, not {text!r}"
    request = read_request(POLL.replace(b"/chat/", text.encode("utf-8") + b"/"))
    assert request is None


@pytest.mark.parametrize("value", [None, 5, b"/chat", ["/chat"]])
def test_a_prefix_is_text(value: Any) -> None:
    with pytest.raises(SettingsError, match="a prefix must be / or a path such as /chat, not"):
        as_routers_have_it(value)
