"""The ports of a service: what describes them, and opening and closing them together."""

import sys

import pytest
from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, formatEvent

from txsockjs.errors import ListenError, SettingsError
from txsockjs.server.ports import Ports, what_is_wrong, why

from ...support.endpoints import ADDRESS, Endpoint

FACTORY = Factory()


def make(*endpoints):
    reactor = MemoryReactorClock()
    return Ports(reactor, list(endpoints)), reactor


def said(logged):
    return [formatEvent(event) for event in logged]


def test_all_are_opened_together_and_closed_together():
    endpoints = [Endpoint(), Endpoint()]
    ports, _ = make(*endpoints)
    assert ports.open_ports == []
    ports.open(FACTORY)
    assert ports.open_ports == [endpoint.port for endpoint in endpoints]
    closing = ports.close()
    assert [ended.called for ended in closing] == [True, True]
    assert ports.open_ports == ports.close() == []
    assert [each.happened for each in endpoints] == [["listening", "port closed"]] * 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            CannotListenError("a", 1, OSError(98, "Address already in use")),
            "Address already in use",
        ),
        (OSError(13, "Permission denied"), "Permission denied"),
        (ValueError("over\n  two lines"), "over two lines"),
    ],
)
def test_why_is_told_in_words(error, words):
    assert why(error) == words


def test_a_number_alone_is_taken_for_a_port():
    assert what_is_wrong("8080", ValueError("x")) == "did you mean tcp:8080?"
    assert what_is_wrong("tcp:x", ValueError("x")) == "x"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (ADDRESS, "http://127.0.0.1:8080"),
        (IPv6Address("TCP", "::1", 80), "http://[::1]:80"),
        (UNIXAddress("/run/sockjs.sock"), "unix:/run/sockjs.sock"),
        ("something else", "something else"),
    ],
)
def test_it_says_where_it_listens_when_the_reactor_runs(address, url):
    ports, reactor = make(Endpoint(address=address))
    with capturedLogs() as logged:
        ports.open(FACTORY)
        assert logged == []
        for call, arguments, keywords in reactor.whenRunningHooks:
            call(*arguments, **keywords)
    assert said(logged) == [f"listening on {url}"]


def test_it_says_that_it_listens_with_tls():
    reactor = MemoryReactorClock()
    endpoint = SSL4ServerEndpoint(reactor, 8443, object())
    Ports(reactor, [endpoint]).open(FACTORY)
    with capturedLogs() as logged:
        for call, arguments, keywords in reactor.whenRunningHooks:
            call(*arguments, **keywords)
    assert said(logged) == ["listening on https://0.0.0.0:8443"]


def test_an_endpoint_that_fails_opens_none_and_closes_the_others():
    reason = CannotListenError("127.0.0.1", 8080, OSError(98, "Address already in use"))
    first, second, third = Endpoint(), Endpoint(result=fail(reason)), Endpoint()
    ports, _ = make(first, second, third)
    with pytest.raises(ListenError) as caught:
        ports.open(FACTORY)
    assert str(caught.value) == "cannot listen on <Endpoint>: Address already in use"
    assert first.happened == ["listening", "port closed"]
    assert third.happened == []
    assert ports.open_ports == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tpc:80", "cannot listen on 'tpc:80': Unknown endpoint type: 'tpc'"),
        ("tcp:http", "cannot listen on 'tcp:http': invalid literal for int()"),
        ("tcp", "cannot listen on 'tcp': "),
        ("8080", "cannot listen on '8080': did you mean tcp:8080?"),
    ],
)
def test_a_string_that_describes_no_endpoint_is_refused(text, words):
    with pytest.raises(SettingsError) as caught:
        make(text)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_without_the_library_for_tls_an_endpoint_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "OpenSSL", None)
    monkeypatch.delitem(sys.modules, "twisted.internet.ssl", raising=False)
    with pytest.raises(SettingsError, match="TLS needs pyOpenSSL, which comes with pip install"):
        make("ssl:8443:privateKey=key.pem:certKey=cert.pem")


def test_an_endpoint_that_fails_later_is_logged():
    pending = Deferred()
    ports, _ = make(Endpoint(result=pending))
    ports.open(FACTORY)
    with capturedLogs() as logged:
        pending.errback(RuntimeError("no luck"))
    assert said(logged) == ["cannot listen on <Endpoint>: no luck"]
    assert logged[0]["log_level"] is LogLevel.critical


def test_an_endpoint_that_is_not_ready_is_cancelled_by_the_end():
    cancelled = []
    ports, _ = make(Endpoint(result=Deferred(cancelled.append)))
    ports.open(FACTORY)
    with capturedLogs() as logged:
        assert ports.close() == []
    assert len(cancelled) == 1
    assert logged == []
