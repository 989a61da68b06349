"""The site: its connections, its access log, its times."""

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.protocols.policies import WrappingFactory

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.site import SockJSSite

from ..support.resources import ADDRESS, LIMIT, Echo, Transport, length, post


def test_the_site_knows_its_connections(connect):
    site, channel, transport = connect()
    assert site.connections() == [transport]
    transport.close(channel)
    assert site.connections() == []


def test_a_connection_in_a_wrapper_that_does_not_say_its_end_is_forgotten():
    site = SockJSSite(Echo(), (), LIMIT, reactor=Clock())
    wrapper = WrappingFactory(site).buildProtocol(ADDRESS)
    transport = Transport(hostAddress=ADDRESS, peerAddress=ADDRESS)
    wrapper.makeConnection(transport)
    assert site.connections() == [wrapper]
    transport.close(wrapper)
    assert wrapper.connected
    assert site.connections() == []


def test_what_clients_make_happen_again_and_again_is_told_in_a_line():
    clock = Clock()
    site = SockJSSite(Echo(), (), LIMIT, reactor=clock, timeout=40)
    site.doStart()
    for data in [post(length(LIMIT + 1))] * 3 + [b"GET /%b" % (b"a" * 20_000), b"", b""]:
        channel = site.buildProtocol(ADDRESS)
        channel.makeConnection(Transport(hostAddress=ADDRESS, peerAddress=ADDRESS))
        channel.dataReceived(data)
    with capturedLogs() as logged:
        for _ in range(5):
            clock.advance(10)
    assert [formatEvent(event).partition(", the last")[0] for event in logged] == [
        "refused or ended 4: a request that was too large",
        "refused or ended 6: a connection that was idle for too long",
    ]
    assert (site.refused, site.ended["idle"]) == (4, 6)
    site.doStop()


def serve_one_request(**options):
    clock = Clock()
    site = SockJSSite(Echo(), (), LIMIT, reactor=clock, **options)
    site.doStart()
    channel = site.buildProtocol(ADDRESS)
    transport = Transport(hostAddress=ADDRESS, peerAddress=ADDRESS)
    channel.makeConnection(transport)
    channel.dataReceived(post(length(1), body=b"x"))
    transport.close(channel)
    site.doStop()
    assert clock.getDelayedCalls() == []


def test_requests_are_logged_only_to_a_file_of_their_own(tmp_path):
    path = tmp_path / "access.log"
    with capturedLogs() as logged:
        for options in ({}, {"logPath": str(path)}):
            serve_one_request(**options)
    assert path.read_text().count('"POST / HTTP/1.1" 200') == 1
    assert not any("POST" in formatEvent(event) for event in logged)


def test_the_access_log_tells_the_time_of_day_and_not_the_reactors(tmp_path, monkeypatch):
    path = tmp_path / "access.log"
    # Without an argument it gives the time of day.
    monkeypatch.setattr("txsockjs.site.datetimeToLogString", lambda: "[just now]")
    serve_one_request(logPath=str(path))
    assert "[just now]" in path.read_text()


def test_an_access_log_may_have_a_form_of_its_own(tmp_path):
    path = tmp_path / "access.log"
    formatter = lambda timestamp, request: request.method.decode()  # noqa: E731
    serve_one_request(logPath=str(path), logFormatter=formatter)
    assert path.read_text() == "POST\n"


def test_that_it_starts_and_stops_is_left_for_the_ports_to_say():
    with capturedLogs() as logged:
        site = SockJSSite(Echo(), (), LIMIT, reactor=Clock())
        site.doStart()
        site.doStop()
    assert logged == []


# -- how long connections may take


def routers(**settings):
    return [
        SockJSRouter(SockJSConnection, f"/{number}", reactor=Clock(), **pair)
        for number, pair in enumerate(
            dict(zip(settings, values)) for values in zip(*settings.values())
        )
    ]


def test_the_longest_times_of_its_routers_are_a_sites():
    known = routers(idle_timeout=[5, 30], request_timeout=[40, 10])
    site = SockJSSite(Echo(), known, LIMIT, reactor=Clock())
    assert (site.timeOut, site.request_timeout) == (30, 40)
    site.set_routers(routers(idle_timeout=[7], request_timeout=[8]))
    assert (site.timeOut, site.request_timeout) == (7, 8)


def test_a_site_without_routers_has_the_default_times():
    site = SockJSSite(Echo(), (), LIMIT, reactor=Clock())
    assert (site.timeOut, site.request_timeout) == (75, 60)


@pytest.mark.parametrize("seconds", [9, None])
def test_a_time_out_that_was_given_stays(seconds):
    known = routers(idle_timeout=[30])
    site = SockJSSite(Echo(), known, LIMIT, reactor=Clock(), timeout=seconds)
    assert site.timeOut == seconds
    site.set_routers(known)
    assert site.timeOut == seconds
