"""The endpoint ``sockjs:``, found by `serverFromString` as any other."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys

import pytest
import pytest_twisted
from twisted.application.strports import service
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.threads import deferToThread
from twisted.protocols.wire import Echo
from twisted.tap import portforward

from txsockjs import Settings, SettingsError
from txsockjs.endpoints import SockJSServerEndpoint

from ..support.raw import get, post
from ..support.running import ROOT
from .cli.test_options import text_for

INNER = "tcp:0:interface=127.0.0.1"
QUOTED = INNER.replace(":", "\\:").replace("=", "\\=")


def described(options):
    """Give the settings of the router that an endpoint string ends up with."""
    clock = MemoryReactorClock()
    endpoint = serverFromString(clock, f"sockjs:tcp\\:80{options}")
    assert isinstance(endpoint, SockJSServerEndpoint)
    ports = []
    endpoint.listen(Factory.forProtocol(Echo)).addCallback(ports.append)
    assert len(ports) == 1
    ((number, factory, *_),) = clock.tcpServers
    assert number == 80
    return factory.router


@pytest_twisted.ensureDeferred
async def test_an_endpoint_string_serves_a_factory_over_sockjs():
    endpoint = serverFromString(reactor, f"sockjs:{QUOTED}:prefix=/chat:disconnect_delay=60")
    port = await endpoint.listen(Factory.forProtocol(Echo))

    def check(number):
        url = f"http://127.0.0.1:{number}/chat"
        assert get(url) == b"Welcome to SockJS!\n"
        assert post(url + "/0/a/xhr") == b"o\n"
        post(url + "/0/a/xhr_send", json.dumps(["hello"]).encode())
        assert post(url + "/0/a/xhr") == b'a["hello"]\n'

    await deferToThread(check, port.getHost().port)
    await port.factory.close(patience=0)
    await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_a_service_made_from_the_string_serves_it_too():
    served = service(f"sockjs:{QUOTED}", Factory.forProtocol(Echo))
    served.privilegedStartService()
    port = await served._waitingForPort
    served.startService()
    url = f"http://127.0.0.1:{port.getHost().port}"
    assert await deferToThread(get, url) == b"Welcome to SockJS!\n"
    await port.factory.close(patience=0)
    await served.stopService()


@pytest_twisted.ensureDeferred
async def test_a_plugin_of_twistd_serves_it_with_no_code():
    """It is Twisted's port forwarder: both ends pause and stop each other."""
    lost = Deferred()

    class Upstream(Echo):
        def dataReceived(self, data):
            super().dataReceived(data)
            if data == b"quit":
                self.transport.loseConnection()

        def connectionLost(self, reason):
            lost.callback(None)

    upstream = reactor.listenTCP(0, Factory.forProtocol(Upstream), interface="127.0.0.1")
    options = portforward.Options()
    listen = f"sockjs:{QUOTED}:prefix=/x:disconnect_delay=60"
    options.parseOptions(["--port", listen, "--host", "127.0.0.1"])
    options["dest_port"] = upstream.getHost().port
    served = portforward.makeService(options)
    served.startService()
    port = await served._waitingForPort

    def check(url):
        assert post(url + "/0/a/xhr") == b"o\n"
        post(url + "/0/a/xhr_send", b'["one"]')
        assert post(url + "/0/a/xhr") == b'a["one"]\n'
        post(url + "/0/a/xhr_send", b'["quit"]')
        assert post(url + "/0/a/xhr") == b'a["quit"]\n'
        assert post(url + "/0/a/xhr") == b'c[3000,"Go away!"]\n'

    await deferToThread(check, f"http://127.0.0.1:{port.getHost().port}/x")
    await lost
    await port.factory.close(patience=0)
    await served.stopService()
    await upstream.stopListening()


@pytest.mark.filterwarnings("ignore:the setting disable_nagle")
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Settings)])
def test_every_setting_has_its_name(name):
    text = text_for(name)
    router = described(f":{name}={quoteStringArgument(text)}")
    assert router.settings == Settings(**{name: Settings.parse(name, text)}) != Settings()


def test_prefix_and_encoding_are_told_beside_the_settings():
    router = described(":prefix=/a/b:fallback_encoding=latin-1")
    assert router.prefix == "/a/b"
    assert router.get_connection_class().fallback_encoding == "latin-1"
    replacing = described(":fallback_encoding=replace").get_connection_class()
    assert replacing.fallback_encoding == "replace"
    assert described(":fallback_encoding=none").get_connection_class().fallback_encoding is None


def test_the_old_options_work_with_a_warning():
    with pytest.warns(DeprecationWarning, match="'heartbeat' .* pass the keyword heartbeat_delay"):
        assert described(":heartbeat=30").settings.heartbeat_delay == 30


@pytest.mark.parametrize(
    ("string", "words"),
    [
        ("sockjs:tcp\\:80:heartbeat_delai=3", "unknown setting 'heartbeat_delai', did you mean"),
        ("sockjs:tcp\\:80:heartbeat_delay=-1", "heartbeat_delay must be > 0 seconds, not -1"),
        ("sockjs:tcp\\:80:prefix=chat", "a prefix must be / or a path such as /chat, not 'chat'"),
        ("sockjs:tcp\\:80:fallback_encoding=x", "fallback_encoding must be a text encoding"),
        ("sockjs:tcp\\:80:reactor=x", "unknown setting 'reactor'"),
        ("sockjs:tcp\\:80:self=x", "unknown setting 'self'"),
        ("sockjs:tcp:80", "wraps one endpoint, its colons escaped, such as"),
        ("sockjs:", "Unknown endpoint type: ''"),
        ("sockjs:prefix=/a", "not 0 of them"),
        ("sockjs:tpc\\:80", "Unknown endpoint type: 'tpc'"),
        ("sockjs:tcp\\:80\\:interface=127.0.0.1", "= must be escaped: tcp:80:interface\\="),
    ],
)
def test_what_is_wrong_is_refused_when_the_string_is_read(string, words):
    error = ValueError if "endpoint type" in words else SettingsError
    with pytest.raises(error, match=re.escape(words)):
        serverFromString(MemoryReactorClock(), string)


def test_settings_that_do_not_go_together_fail_the_listening():
    endpoint = serverFromString(MemoryReactorClock(), "sockjs:tcp\\:80:max_body_size=1")
    failures = []
    endpoint.listen(Factory.forProtocol(Echo)).addErrback(failures.append)
    assert failures[0].check(SettingsError)


def test_the_plugin_installs_no_reactor():
    program = (
        "import sys, twisted.plugins.txsockjs_plugin;"
        "sys.exit('twisted.internet.reactor' in sys.modules)"
    )
    environment = dict(os.environ, PYTHONPATH=ROOT)
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert done.returncode == 0
