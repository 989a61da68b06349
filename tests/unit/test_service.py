"""The service in memory: what it listens on, and the order and bounds of its end."""

import subprocess
import sys

import pytest
from twisted.application.service import Application, IService
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from txsockjs.errors import SettingsError
from txsockjs.service import DROP_DELAY, POLL_INTERVAL, SockJSService
from txsockjs.settings import Settings

from ..support.endpoints import ADDRESS, Endpoint

STOP_TIMEOUT = 3.0


class Router:
    """What a service sees of a router; ``closing`` is what its close returns."""

    bus = None
    relay = None

    def __init__(self, prefix="/a", **settings):
        self.prefix = prefix
        self.settings = Settings(**settings)
        self.pages = {}
        self.closing = succeed(None)
        self.starting = None
        self.happened = []

    def resource(self):
        return Resource()

    async def start(self):
        self.happened.append("router started")
        if self.starting is not None:
            await self.starting

    async def stop(self):
        self.happened.append("router stopped")

    def drain(self, seconds, code, reason):
        self.happened.append(("router drains", seconds, code, reason))
        self.drained = Deferred()
        return self.drained

    def close(self, code, reason, patience):
        self.happened.append(("router closed", patience))
        return self.closing


class Transport(StringTransport):
    """A connection that ends only when it is told to, or when it is aborted."""

    connected = True

    def setTcpNoDelay(self, enabled):
        self.no_delay = enabled

    def unregisterProducer(self):
        self.producer = None  # as TCP does it, whether there was one or not

    def end(self):
        self.connected = False

    def abortConnection(self):
        super().abortConnection()
        self.end()


@pytest.fixture
def make():
    """Give a function that makes a service and its reactor; no timer is left in the end."""
    made = []

    def make(endpoint=None, routers=None, **options):
        reactor = MemoryReactorClock()
        made.append(reactor)
        service = SockJSService(
            Endpoint() if endpoint is None else endpoint,
            Router() if routers is None else routers,
            reactor=reactor,
            stop_timeout=STOP_TIMEOUT,
            **options,
        )
        return service, reactor

    yield make
    for reactor in made:
        assert reactor.getDelayedCalls() == []


def said(logged):
    return [formatEvent(event) for event in logged]


# -- starting


def test_it_listens_with_privileges_on_every_endpoint_and_once(make):
    endpoints = [Endpoint(), Endpoint()]
    service, _ = make(endpoints)
    service.privilegedStartService()
    assert [endpoint.happened for endpoint in endpoints] == [["listening"], ["listening"]]
    service.startService()
    assert [endpoint.happened for endpoint in endpoints] == [["listening"], ["listening"]]
    assert service.running
    assert service.ports.open_ports == [endpoint.port for endpoint in endpoints]


def test_it_listens_without_privileges_if_nobody_gave_it_any(make):
    endpoint = Endpoint()
    service, _ = make(endpoint)
    service.startService()
    assert endpoint.happened == ["listening"]


def test_an_endpoint_may_be_a_string(make):
    service, reactor = make("tcp:8123:interface=127.0.0.1")
    service.privilegedStartService()
    ((port, factory, _, interface),) = reactor.tcpServers
    assert (port, factory, interface) == (8123, service.site, "127.0.0.1")


# -- what it is made of


def test_the_site_takes_what_any_of_the_routers_takes(make):
    sizes = [("/a", 10), ("/b", 30)]
    routers = [Router(path, max_message_size=10, max_body_size=size) for path, size in sizes]
    service, _ = make(routers=routers)
    assert service.site.max_body_size == 30
    assert service.routers == routers


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"routers": []}, "a service must have at least one router, not none"),
        (
            {"routers": [Router("/a"), Router("/a")]},
            "a prefix can be mounted once, /a is there twice",
        ),
        (
            {"routers": Router(""), "static": Resource()},
            "static files need the root, and a router is mounted there",
        ),
        ({"routers": "/chat"}, "a service serves routers, not '/chat'"),
        ({"static": "/no/such/directory"}, "static must be a directory, not '/no/such/directory'"),
    ],
)
def test_what_can_not_be_served_is_refused(make, options, words):
    with pytest.raises(SettingsError) as caught:
        make(**options)
    assert str(caught.value) == words


def test_static_may_be_a_path_object(make, tmp_path):
    service, _ = make(static=tmp_path)
    assert service.site.max_body_size == Settings().max_body_size


def test_it_is_a_service_of_an_application(make):
    endpoint = Endpoint()
    service, _ = make(endpoint)
    application = Application("test")
    service.setServiceParent(application)
    IService(application).privilegedStartService()
    IService(application).startService()
    stopped = IService(application).stopService()
    assert stopped.called
    assert endpoint.happened == ["listening", "port closed"]


# -- stopping


def test_sessions_end_before_the_ports_close(make):
    happened = []
    router, closing = Router(), Deferred()
    router.happened, router.closing = happened, closing
    service, _ = make(Endpoint(happened), router)
    service.startService()
    stopped = service.stopService()
    assert happened == ["listening", ("router closed", STOP_TIMEOUT)]
    assert not stopped.called
    closing.callback(None)
    assert happened == [
        "listening",
        ("router closed", STOP_TIMEOUT),
        "router stopped",
        "port closed",
    ]
    assert stopped.called
    assert not service.running


def test_all_routers_are_closed_at_once(make):
    routers = [Router("/a"), Router("/b")]
    for router in routers:
        router.closing = Deferred()
    service, _ = make(routers=routers)
    service.startService()
    stopped = service.stopService()
    assert [len(router.happened) for router in routers] == [1, 1]
    routers[1].closing.callback(None)
    assert not stopped.called
    routers[0].closing.callback(None)
    assert stopped.called


def test_a_router_that_does_not_close_is_not_waited_for_for_ever(make):
    router = Router()
    router.closing = Deferred()
    endpoint = Endpoint()
    service, reactor = make(endpoint, router)
    service.startService()
    stopped = service.stopService()
    reactor.advance(STOP_TIMEOUT - 0.1)
    assert not stopped.called
    with capturedLogs() as logged:
        reactor.advance(0.2)
    assert stopped.called
    assert said(logged) == [f"not all had ended after {STOP_TIMEOUT} s"]
    assert endpoint.happened == ["listening", "port closed"]
    router.closing.callback(None)


def test_a_router_that_fails_to_close_is_logged_and_the_rest_goes_on(make):
    router = Router()
    router.closing = fail(RuntimeError("stuck"))
    endpoint = Endpoint()
    service, _ = make(endpoint, router)
    service.startService()
    with capturedLogs() as logged:
        stopped = service.stopService()
    assert stopped.called
    assert said(logged) == ["a part of the service did not stop"]
    assert logged[0]["log_failure"].check(RuntimeError)
    assert endpoint.happened == ["listening", "port closed"]


def test_stopping_twice_is_stopping_once(make):
    router = Router()
    service, _ = make(routers=router)
    service.startService()
    assert service.stopService() is service.stopService()
    assert router.happened == [("router closed", STOP_TIMEOUT), "router stopped"]


def connect(service):
    """Open a connection to a service in memory."""
    channel = service.site.buildProtocol(ADDRESS)
    transport = Transport(hostAddress=ADDRESS, peerAddress=ADDRESS)
    channel.makeConnection(transport)
    return channel, transport


def test_connections_that_are_left_are_asked_to_end(make):
    service, reactor = make()
    service.startService()
    channel, transport = connect(service)
    stopped = service.stopService()
    assert not transport.disconnecting, "its first request may be on its way"
    reactor.advance(POLL_INTERVAL)
    assert transport.disconnecting
    assert transport.producer is None  # or a TLS transport would wait for it
    assert not stopped.called
    transport.end()
    channel.connectionLost(Failure(ConnectionDone()))
    reactor.advance(POLL_INTERVAL)
    assert stopped.called
    assert not transport.disconnected


def test_connections_that_do_not_end_are_dropped(make):
    service, reactor = make()
    service.startService()
    channel, transport = connect(service)
    stopped = service.stopService()
    reactor.advance(POLL_INTERVAL)
    reactor.pump([POLL_INTERVAL] * int(DROP_DELAY / POLL_INTERVAL - 1))
    assert not transport.disconnected
    reactor.pump([POLL_INTERVAL] * 2)
    assert transport.disconnected
    assert stopped.called
    channel.connectionLost(Failure(ConnectionDone()))


def begin(service, reactor):
    """Start a service whose reactor runs."""
    service.startService()
    for call, arguments, keywords in reactor.whenRunningHooks:
        call(*arguments, **keywords)


def test_sessions_are_closed_over_a_time_and_then_the_router(make):
    router = Router(shutdown_code=4000, shutdown_reason="moved")
    service, reactor = make(routers=router, drain=30)
    begin(service, reactor)
    assert service.readiness() == (True, "ready")
    stopped = service.stopService()
    assert service.readiness() == (False, "draining")
    assert router.happened == ["router started", ("router drains", 30.0, 4000, "moved")]
    router.drained.callback(None)
    assert router.happened[2:] == [("router closed", STOP_TIMEOUT), "router stopped"]
    assert stopped.called


@pytest.mark.parametrize("stage", ["drain", "close"])
def test_it_can_be_hurried_at_any_stage(make, stage):
    router = Router()
    service, reactor = make(routers=router, drain=30 if stage == "drain" else 0)
    begin(service, reactor)
    router.closing = Deferred()
    stopped = service.stopService()
    service.hurry()
    if stage == "drain":
        router.drained.callback(None)  # as its close does
    assert ("router closed", 0.0) in router.happened
    assert not stopped.called
    with capturedLogs() as logged:
        reactor.advance(0)
    assert stopped.called
    assert said(logged) == ["not all had ended after 0.0 s"]
    assert router.happened[-1] == "router stopped"


def test_a_service_that_was_not_told_to_stop_is_hurried_too(make):
    service, reactor = make()
    begin(service, reactor)
    service.hurry()
    assert service.stopService().called


def test_a_start_that_waits_ends_with_the_stop(make):
    cancelled = []
    first, second = Router("/a"), Router("/b")
    first.starting = Deferred(cancelled.append)
    service, reactor = make(routers=[first, second])
    begin(service, reactor)
    assert service.readiness() == (False, "starting")
    with capturedLogs() as logged:
        stopped = service.stopService()
    assert stopped.called
    assert len(cancelled) == 1
    assert second.happened == [("router closed", STOP_TIMEOUT), "router stopped"]
    assert logged == []
    assert not service.started.called


def test_a_start_that_fails_is_told_to_whoever_listens(make):
    router, heard = Router(), []
    router.starting = Deferred()
    service, reactor = make(routers=router)
    service.started.addCallbacks(heard.append, lambda failure: heard.append(failure.type))
    begin(service, reactor)
    with capturedLogs() as logged:
        router.starting.errback(KeyError("pool"))
    assert heard == [KeyError]
    assert said(logged) == ["a service can't start, and serves nobody"]
    assert service.readiness() == (False, "on_start failed")
    assert service.stopService().called


@pytest.mark.parametrize("drain", [-1, True, "30", float("nan")])
def test_a_drain_takes_a_time(make, drain):
    with pytest.raises(SettingsError, match="drain must be > 0 seconds, or 0, not"):
        make(drain=drain)


def test_importing_a_service_loads_nothing_of_the_command_line():
    program = (
        "import sys, txsockjs.service;"
        "print(*{'txsockjs.cli', 'tomllib', 'tomli', 'twisted.python.usage'} & {*sys.modules})"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    assert told.stdout.split() == []
