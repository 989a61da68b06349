"""The endpoint string of a client."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.endpoints import clientFromString
from twisted.internet.task import Clock

from txsockjs import SettingsError
from txsockjs.client import SockJSClientEndpoint
from txsockjs.client.strings import endpoint_from


def read(text: str) -> Any:
    endpoint = clientFromString(Clock(), text)
    assert isinstance(endpoint, SockJSClientEndpoint)
    return endpoint.opening


@pytest.mark.parametrize(
    "text",
    [r"sockjs:https\://example.com\:8443/chat", "sockjs:https://example.com:8443/chat"],
)
def test_colons_of_a_url_may_be_escaped(text: str) -> None:
    assert read(text).address.base == "https://example.com:8443/chat"


def test_options_are_read() -> None:
    opening = read(
        "sockjs:http://example.com/chat:transports=xhr,websocket:timeout=5:"
        "heartbeat_timeout=none:header-X-Tenant=acme:header-Authorization=Bearer x:cookie-a=b"
    )
    assert opening.options.transports == ("xhr_polling", "websocket")
    assert (opening.options.timeout, opening.options.heartbeat_timeout) == (5.0, None)
    assert opening.headers == {"X-Tenant": "acme", "Authorization": "Bearer x"}
    assert opening.cookies == {"a": "b"}
    assert read(r"sockjs:http://x/y?a\=b").address.query == "a=b"
    assert read("sockjs:http://x/y:heartbeat_timeout=9").options.heartbeat_timeout == 9


@pytest.mark.parametrize("encoding", ["latin-1", "none"])
def test_an_encoding_is_read(encoding: str) -> None:
    assert read(f"sockjs:http://x/y:fallback_encoding={encoding}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeut": "5"}, "sockjs: has no option 'timeut'; a client's has transports, timeout"),
        ({"//x/y?a": "b"}, "= in a URL must be escaped"),
        ({"timeout": "soon"}, "wanted a number, not 'soon'"),
        ({"header-": "x"}, "sockjs: has no option 'header-'"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        endpoint_from(Clock(), ["http", "//x/y"], options)
    assert words in str(raised.value)
