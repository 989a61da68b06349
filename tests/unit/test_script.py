"""The script for pages, as a resource."""

from __future__ import annotations

from importlib import resources

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsockjs.script import NAME, ScriptResource

SCRIPT = resources.files("txsockjs.script").joinpath(NAME).read_bytes()


def request(method: bytes = b"GET", **headers: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """Ask for the script in memory; return status, headers and body."""
    root = Resource()
    root.putChild(b"some.js", ScriptResource())
    channel = Site(root, reactor=Clock()).buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
    transport = StringTransport()
    channel.makeConnection(transport)
    lines = [name.encode().replace(b"_", b"-") + b": " + headers[name] for name in headers]
    channel.dataReceived(b"\r\n".join([method + b" /some.js HTTP/1.0", *lines, b"", b""]))
    channel.connectionLost(None)
    head, _, body = transport.value().partition(b"\r\n\r\n")
    status, *rest = head.split(b"\r\n")
    told = dict(line.lower().split(b": ", 1) for line in rest)
    return int(status.split()[1]), told, body


def test_it_is_served_as_what_it_is_and_asked_for_at_each_load() -> None:
    status, headers, body = request()
    assert (status, body) == (200, SCRIPT)
    assert headers[b"content-type"] == b"text/javascript; charset=utf-8"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"cache-control"] == b"no-cache"


def test_head_is_get_without_a_body() -> None:
    status, headers, body = request(b"HEAD")
    assert (status, headers[b"content-length"], body) == (200, str(len(SCRIPT)).encode(), b"")


def test_who_has_it_is_not_sent_it_again() -> None:
    etag = request()[1][b"etag"]
    assert request(If_None_Match=etag)[::2] == (304, b"")
    assert request(If_None_Match=b'"another"')[::2] == (200, SCRIPT)


def test_other_methods_are_refused() -> None:
    assert request(b"POST")[0] == 405
