"""Routers as parts of other programs: resource trees, Klein apps, applications."""

import json
import urllib.error
from contextlib import asynccontextmanager

import pytest
import pytest_twisted
from klein import Klein
from twisted.application.service import Application, IService
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.threads import deferToThread
from twisted.web.pages import notFound
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.service import SockJSService
from txsockjs.site import SockJSSite

from ..support.frames import frame
from ..support.raw import asked, get, post, read_frame, read_head, upgrade

LISTEN = "tcp:0:interface=127.0.0.1"
GREETING = b"Welcome to SockJS!\n"


class Tree(Resource):
    """A resource with children, and a page of its own at its slash."""

    def __init__(self, name):
        super().__init__()
        self.putChild(b"", Data(name.encode(), "text/plain"))

    def getChild(self, path, request):
        return notFound()


def make_router(name, prefix="", **settings):
    """Make a router whose connections answer with their router's name."""

    class Named(SockJSConnection):
        def on_message(self, message):
            self.send(f"{name}: {message}")

    return SockJSRouter(Named, prefix, reactor=reactor, **settings)


@asynccontextmanager
async def listening(factory, *routers):
    """Serve a factory on a port of its own; the block gets the port's number."""
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    try:
        yield port.getHost().port
    finally:
        for router in routers:
            await router.close(patience=0)
        await port.stopListening()


@asynccontextmanager
async def started(service):
    """Run a service; the block gets the number of its first port."""
    service.startService()
    try:
        yield service.ports.open_ports[0].getHost().port
    finally:
        await service.stopService()


def converse(url, session="one"):
    """Exchange one message over xhr-polling and give what came back."""
    base = f"{url}/0/{session}"
    assert post(base + "/xhr") == b"o\n"
    post(base + "/xhr_send", b'["hello"]')
    answer = post(base + "/xhr")
    assert answer[:1] == b"a"
    return json.loads(answer[1:])


def converse_by_websocket(port, path):
    """Exchange one message over a websocket and give what came back."""
    with asked(port, upgrade(f"{path}/0/ws/websocket")) as (send, answer):
        assert read_head(answer).startswith(b"HTTP/1.1 101 ")
        assert read_frame(answer) == (1, b"o")
        send(frame(1, b'["hello"]'))
        opcode, payload = read_frame(answer)
        assert (opcode, payload[:1]) == (1, b"a")
        send(frame(8, b"\x03\xe8"))
        return json.loads(payload[1:])


def is_missing(url):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(url)
    return True


@pytest_twisted.ensureDeferred
async def test_a_resource_may_be_at_any_depth_beside_others():
    router = make_router("deep")
    root, middle = Tree("root"), Tree("middle")
    root.putChild(b"middle", middle)
    middle.putChild(b"page", Data(b"a page", "text/plain"))
    middle.putChild(b"chat", router.resource())

    def check(port):
        url = f"http://127.0.0.1:{port}"
        chat = url + "/middle/chat"
        assert get(chat) == get(chat + "/") == GREETING
        assert b"iframe" in get(chat + "/iframe.html")
        assert converse(chat) == ["deep: hello"]
        assert converse_by_websocket(port, "/middle/chat") == ["deep: hello"]
        assert get(url) == b"root"
        assert get(url + "/middle/") == b"middle"
        assert get(url + "/middle/page") == b"a page"
        assert is_missing(url + "/info")
        assert is_missing(url + "/middle/info")
        assert is_missing(chat + "/nothing")

    async with listening(Site(root), router) as port:
        await deferToThread(check, port)


@pytest.mark.parametrize("prefix", ["", "/chat", "/a/b/c"])
@pytest_twisted.ensureDeferred
async def test_a_resource_at_the_root_serves_its_prefix(prefix):
    router = make_router("root", prefix)

    def check(port):
        url = f"http://127.0.0.1:{port}"
        assert get(url + prefix) == get(url + prefix + "/") == GREETING
        assert converse(url + prefix) == ["root: hello"]
        assert converse_by_websocket(port, prefix) == ["root: hello"]
        if prefix:
            assert is_missing(url)
            assert is_missing(url + "/info")

    async with listening(Site(router.resource()), router) as port:
        await deferToThread(check, port)


@pytest_twisted.ensureDeferred
async def test_routers_add_their_routes_to_a_klein_app():
    app = Klein()

    @app.route("/")
    def home(request):
        return b"home"

    @app.route("/hello/<name>")
    def hello(request, name):
        return f"hello {name}"

    routers = [make_router("one", "/one"), make_router("two", "/two/deep")]
    for router in routers:
        assert router.apply_routes(app) is app

    def check(port):
        url = f"http://127.0.0.1:{port}"
        assert get(url) == b"home"
        assert get(url + "/hello/world") == b"hello world"
        assert is_missing(url + "/info")
        for name, prefix in (("one", "/one"), ("two", "/two/deep")):
            assert get(url + prefix) == GREETING
            assert converse(url + prefix) == [f"{name}: hello"]
            assert converse_by_websocket(port, prefix) == [f"{name}: hello"]

    async with listening(Site(app.resource()), *routers) as port:
        await deferToThread(check, port)


@pytest_twisted.ensureDeferred
async def test_a_klein_app_may_be_bound_to_an_instance():
    router = make_router("bound", "/chat")

    class Program:
        app = Klein()
        name = b"program"

        @app.route("/")
        def home(self, request):
            return self.name

    router.apply_routes(Program.app)

    def check(port):
        url = f"http://127.0.0.1:{port}"
        assert get(url) == b"program"
        assert converse(url + "/chat") == ["bound: hello"]
        assert converse_by_websocket(port, "/chat") == ["bound: hello"]

    async with listening(Site(Program().app.resource()), router) as port:
        await deferToThread(check, port)


@pytest_twisted.ensureDeferred
async def test_the_same_session_id_at_two_routers_is_two_sessions():
    routers = [make_router("one"), make_router("two")]
    root = Tree("root")
    root.putChild(b"one", routers[0].resource())
    root.putChild(b"two", routers[1].resource())

    def check(port):
        url = f"http://127.0.0.1:{port}"
        assert post(url + "/one/0/same/xhr") == b"o\n"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            post(url + "/two/0/same/xhr_send", b'["for nobody"]')
        assert post(url + "/two/0/same/xhr") == b"o\n"
        post(url + "/one/0/same/xhr_send", b'["hello"]')
        post(url + "/two/0/same/xhr_send", b'["hello"]')
        assert post(url + "/one/0/same/xhr") == b'a["one: hello"]\n'
        assert post(url + "/two/0/same/xhr") == b'a["two: hello"]\n'

    async with listening(Site(root), *routers) as port:
        await deferToThread(check, port)
        one, two = (router.get_session("same") for router in routers)
        assert one is not None and two is not None and one is not two


@pytest_twisted.ensureDeferred
async def test_a_service_serves_routers_at_any_prefix_with_files_beside_them(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text("index")
    (tmp_path / "sub" / "page.html").write_text("page")
    routers = [make_router("one", "/one"), make_router("two", "/one/two")]

    def check(port):
        url = f"http://127.0.0.1:{port}"
        assert converse(url + "/one") == ["one: hello"]
        assert converse(url + "/one/two") == ["two: hello"]
        assert converse_by_websocket(port, "/one/two") == ["two: hello"]
        assert get(url) == get(url + "/") == b"index"
        assert get(url + "/sub/page.html") == b"page"
        assert is_missing(url + "/sub/")

    service = SockJSService(LISTEN, routers, static=tmp_path, stop_timeout=0)
    async with started(service) as port:
        await deferToThread(check, port)


@pytest_twisted.ensureDeferred
async def test_a_service_serves_a_router_at_the_root_beside_others():
    routers = [make_router("root"), make_router("other", "/other")]

    def check(port):
        url = f"http://127.0.0.1:{port}"
        assert get(url) == get(url + "/other") == GREETING
        assert converse(url) == ["root: hello"]
        assert converse(url + "/other") == ["other: hello"]
        assert converse_by_websocket(port, "") == ["root: hello"]

    async with started(SockJSService(LISTEN, routers, stop_timeout=0)) as port:
        await deferToThread(check, port)


@pytest_twisted.ensureDeferred
async def test_a_service_in_an_application_serves_until_it_is_stopped():
    router = make_router("app", "/chat")
    endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    service = SockJSService(endpoint, router)
    application = Application("test")
    service.setServiceParent(application)
    IService(application).privilegedStartService()
    IService(application).startService()
    port = service.ports.open_ports[0].getHost().port

    with_socket = asked(port, upgrade("/chat/0/ws/websocket"))
    send, answer = await deferToThread(with_socket.__enter__)
    assert await deferToThread(read_head, answer)
    assert await deferToThread(read_frame, answer) == (1, b"o")

    stopped = IService(application).stopService()
    assert await deferToThread(read_frame, answer) == (1, b'c[1012,"Service restart"]')
    assert await deferToThread(read_frame, answer) == (8, b"\x03\xe8")
    send(frame(8, b"\x03\xe8"))
    await stopped
    assert await deferToThread(answer.read) == b""
    with_socket.__exit__(None, None, None)
    with pytest.raises(ConnectionRefusedError):
        asked(port, "").__enter__()


@pytest_twisted.ensureDeferred
async def test_a_site_of_ones_own_may_bound_bodies_too():
    router = make_router("own", "/chat", max_message_size=100, max_body_size=100)
    body = b'["' + b"x" * 200 + b'"]'

    def check(port):
        url = f"http://127.0.0.1:{port}/chat"
        assert converse(url) == ["own: hello"]
        with pytest.raises(urllib.error.HTTPError, match="413"):
            post(url + "/0/one/xhr_send", body)

    async with listening(SockJSSite(router.resource(), max_body_size=100), router) as port:
        await deferToThread(check, port)
