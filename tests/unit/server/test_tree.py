"""What a path leads to in a tree of resources, and that no guard in it is ever passed by."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Callable

import pytest
from klein import Klein
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.web.guard import BasicCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.resource import ForbiddenResource, IResource, Resource, getChildForRequest
from twisted.web.server import Site
from twisted.web.vhost import NameVirtualHost

from txsockjs import SockJSRouter
from txsockjs.factory import SockJSFactory, SockJSMultiFactory, SockJSResource
from txsockjs.server.root import Root
from txsockjs.server.tree import follow, resources_in
from txsockjs.service import SockJSService
from txsockjs.site import SockJSSite

from ...support.memory import Echo
from ...support.sites import Client, request

NAME = "Authorization: Basic " + base64.b64encode(b"me:secret").decode()
UPGRADE = (
    *("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
#: Every URL of a router: its method, its path, and its headers.
URLS: list[tuple[str, str, tuple[str, ...]]] = [
    *(("GET", path, ()) for path in ("", "/", "/info", "/iframe.html", "/iframe-1.html")),
    *(("POST", path, ()) for path in ("/chunking_test", "/0/s/xhr_send", "/0/s/jsonp_send")),
    *(("POST", f"/0/s/{name}", ()) for name in ("xhr", "xhr_streaming")),
    *(("GET", f"/0/s/{name}?c=x", ()) for name in ("eventsource", "htmlfile", "jsonp")),
    *(("OPTIONS", f"/0/s/{name}", ()) for name in ("xhr", "xhr_send")),
    *(("GET", path, UPGRADE) for path in ("/websocket", "/0/s/websocket")),
    *(("PUT", "/0/s/xhr", ()), ("GET", "/nowhere", ())),
]


class Realm:
    """Gives whoever has a name a resource."""

    def __init__(self, resource: IResource) -> None:
        self.resource = resource

    def requestAvatar(self, name: Any, mind: Any, *interfaces: Any) -> Any:
        return IResource, self.resource, lambda: None


def guarded(resource: Any) -> HTTPAuthSessionWrapper:
    users = InMemoryUsernamePasswordDatabaseDontUse(me=b"secret")
    portal = Portal(Realm(resource), [users])
    return HTTPAuthSessionWrapper(portal, [BasicCredentialFactory(b"here")])


def under(path: str, resource: Any) -> Resource:
    """A tree that has a resource at a path."""
    top = Resource()
    *above, name = path.split("/")[1:]
    parent = top
    for each in above:
        child = Resource()
        parent.putChild(each.encode(), child)
        parent = child
    parent.putChild(name.encode(), resource)
    return top


def top_of(path: str, resource: Any) -> Root:
    root = Root()
    root.mount(path, resource)
    return root


class Refusing(SockJSResource):
    """A resource of a program that asks before it renders."""

    def render(self, request: Any) -> Any:
        if request.getHeader("authorization") is None:
            request.setResponseCode(401)
            return b""
        return super().render(request)


class Asking(Resource):
    """A parent that has a child for those who say their name."""

    def __init__(self, child: Any) -> None:
        super().__init__()
        self.child = child

    def getChild(self, path: bytes, request: Any) -> Any:
        if getattr(request, "getHeader", lambda name: "")("authorization") is None:
            return guarded(self.child)
        return self.child


class Hiding(SockJSRouter):
    """A router whose resource is always guarded."""

    def resource(self) -> Any:
        return guarded(super().resource())


Compose = Callable[[SockJSRouter], Any]

#: Trees that have a router at ``/chat``, without a prefix of its own.
CHILDREN: dict[str, Compose] = {
    "the resource": lambda router: under("/chat", guarded(router.resource())),
    "a parent": lambda router: guarded(under("/chat", router.resource())),
    "twice": lambda router: guarded(under("/chat", guarded(router.resource()))),
    "a parent that asks": lambda router: Asking(router.resource()),
    "a fallback": lambda router: Root(guarded(under("/chat", router.resource()))),
}
#: Trees that have a router whose prefix is ``/chat``.
PREFIXED: dict[str, Compose] = {
    "a mount": lambda router: top_of("/chat", guarded(router.resource())),
    "all mounts": lambda router: guarded(top_of("/chat", router.resource())),
    "the whole root": lambda router: guarded(router.resource()),
    "a resource at the top": lambda router: Root(guarded(router.resource())),
    "an own Klein": lambda router: guarded(router.apply_routes(Klein()).resource()),
}
SITES: dict[str, Callable[[Any, SockJSRouter, Clock], Any]] = {
    "with routers": lambda tree, router, clock: SockJSSite(tree, [router], reactor=clock),
    "without": lambda tree, router, clock: SockJSSite(tree, max_body_size=5000, reactor=clock),
    "plain": lambda tree, router, clock: Site(tree, reactor=clock),
}


def site_of(compose: str, kind: str, clock: Clock) -> Any:
    prefix = "" if compose in CHILDREN else "/chat"
    router = SockJSRouter(type("Echo", (Echo,), {"log": []}), prefix, reactor=clock)
    return SITES[kind]({**CHILDREN, **PREFIXED}[compose](router), router, clock)


def services(clock: Clock) -> Iterator[tuple[str, Any]]:
    connection = type("Echo", (Echo,), {"log": []})
    factory = Factory.forProtocol(Protocol)
    reactor: Any = clock
    reactor.addSystemEventTrigger = reactor.callWhenRunning = lambda *args: None
    router: Any = Hiding(connection, "/chat", reactor=clock)
    yield "a service", SockJSService([], router, reactor=clock).site
    refusing = under("/chat", Refusing(factory, reactor=clock))
    yield "a resource that renders in its own way", SockJSSite(refusing, reactor=clock)
    own = Refusing(factory, reactor=clock)
    yield "the same, known", SockJSSite(under("/chat", own), [own.router], reactor=clock)
    for made in (SockJSFactory(factory, prefix="/chat", reactor=clock), _multi(factory, clock)):
        made.resource = guarded(made.resource)
        yield "a factory whose tree is wrapped", made

    class Own(SockJSSite):
        def getResourceFor(self, request: Any) -> Any:
            return getChildForRequest(guarded(self.resource), request)

    yield "a site that asks", Own(own, [own.router, router], reactor=clock)


def _multi(factory: Any, clock: Clock) -> SockJSMultiFactory:
    made = SockJSMultiFactory(reactor=clock)
    made.addFactory(factory, "/chat")
    return made


def codes(site: Any, clock: Clock, *lines: str) -> dict[tuple[str, str], int]:
    """What each URL answers on a connection of its own."""
    found = {}
    for method, path, headers in URLS:
        client = Client(site, clock)
        body = b'["x"]' if path.endswith("_send") else b""
        client.send(request(method, "/chat" + path, body, *headers, *lines))
        found[method, path] = client.answers[0].code
        client.vanish()
    return found


@pytest.mark.parametrize("kind", SITES)
@pytest.mark.parametrize("compose", [*CHILDREN, *PREFIXED])
def test_a_guard_is_asked_on_every_url_of_what_it_is_wrapped_around(
    compose: str, kind: str
) -> None:
    clock = Clock()
    site = site_of(compose, kind, clock)
    assert set(codes(site, clock).values()) == {401}
    known = codes(site, clock, NAME)
    assert 401 not in known.values()
    assert (known["POST", "/0/s/xhr"], known["GET", "/0/s/websocket"]) == (200, 101)
    assert set(codes(site, clock).values()) == {401}  # nothing was learned from who came in


def test_a_guard_is_asked_in_services_factories_and_sites_of_ones_own() -> None:
    for name, site in services(clock := Clock()):
        assert set(codes(site, clock).values()) == {401}, name


def test_a_body_that_is_still_to_come_does_not_pass_a_guard_either() -> None:
    for compose in (*CHILDREN, *PREFIXED):
        clock = Clock()
        site = site_of(compose, "with routers", clock)
        client = Client(site, clock)
        client.send(request("POST", "/chat/0/s/xhr_send", b'["x"]')[:-1])
        client.send(b"]")
        assert [answer.code for answer in client.answers] == [401]
        client.vanish()


# -- what is served fast


def make_router(prefix: str = "") -> SockJSRouter:
    return SockJSRouter(type("Echo", (Echo,), {"log": []}), prefix, reactor=Clock())


def is_fast(tree: Any, path: str, *routers: SockJSRouter, **options: Any) -> bool:
    clock = Clock()
    site = SockJSSite(tree, routers, reactor=clock, **options)
    client = Client(site, clock)
    client.send(request(path=path + "/0/s/xhr"))
    assert [answer.code for answer in client.answers] == [200]
    fast = client.is_fast
    client.vanish()
    return fast


@pytest.mark.parametrize(
    ("prefix", "compose", "path"),
    [
        ("", lambda resource: resource, ""),
        ("/a", lambda resource: resource, "/a"),
        ("/b/c", lambda resource: under("/a", resource), "/a/b/c"),
        ("", lambda resource: under("/a/b", resource), "/a/b"),
        ("/a/b", lambda resource: top_of("/a", resource), "/a/b"),
        ("/a", lambda resource: top_of("/a", resource), "/a"),
        ("", lambda resource: Root(under("/a", resource)), "/a"),
    ],
)
def test_a_router_is_found_wherever_it_is_put(prefix: str, compose: Any, path: str) -> None:
    router = make_router(prefix)
    assert is_fast(compose(router.resource()), path, router)


def test_the_resource_of_a_factory_is_found_too() -> None:
    reactor: Any = Clock()
    reactor.callWhenRunning = lambda *args: None
    resource = SockJSResource(Factory.forProtocol(Protocol), reactor=reactor)
    assert is_fast(under("/chat", resource), "/chat", resource.router)


def test_a_router_that_the_site_was_not_given_is_twisted_webs() -> None:
    router, other = make_router(), make_router()
    tree = under("/chat", router.resource())
    tree.putChild(b"other", other.resource())
    assert not is_fast(tree, "/chat", other)
    assert is_fast(tree, "/other", other)


def test_a_router_that_another_is_mounted_below_is_twisted_webs() -> None:
    router, other = make_router("/a"), make_router("/a/b")
    tree = top_of("/a", router.resource())
    tree.mount("/a/b", other.resource())
    assert not is_fast(tree, "/a", router, other)
    assert is_fast(tree, "/a/b", router, other)


def test_a_choice_by_host_is_twisted_webs() -> None:
    router = make_router()
    hosts = NameVirtualHost()
    hosts.default = under("/chat", router.resource())
    hosts.addHost(b"admin", ForbiddenResource())
    assert not is_fast(hosts, "/chat", router)


def test_whoever_swallows_the_error_of_a_question_is_twisted_webs() -> None:
    router = make_router()

    class Lenient(Resource):
        def getChild(self, path: bytes, request: Any) -> Any:
            getattr(request, "user", None)
            return router.resource()

    assert not is_fast(Lenient(), "/chat", router)


def test_a_child_that_fails_to_be_found_is_twisted_webs() -> None:
    class Failing(Resource):
        def getChild(self, path: bytes, request: Any) -> Any:
            raise ValueError(path)

    assert follow(Failing(), [b"chat"]) is None


def test_a_resource_with_a_render_of_its_own_is_no_routers() -> None:
    router = make_router()
    for resource in (router.resource(), top_of("/chat", router.resource())):
        assert list(resources_in(resource)) != []
        resource.render = lambda request: b""  # type: ignore[method-assign]
        assert follow(resource, [b"chat"]) is None
        assert list(resources_in(resource)) == []


def test_paths_are_remembered_but_not_without_bound() -> None:
    router = make_router()

    tree = Resource()
    tree.putChild(b"again", tree)
    tree.putChild(b"chat", router.resource())
    site = SockJSSite(tree, [router], reactor=Clock())
    for _ in range(3):
        assert site.pages["/chat"] is router.pages
    assert list(site.pages) == ["/chat"]
    site.set_routers([router])
    assert not site.pages
    for times in range(200):
        assert site.pages["/again" * times + "/chat"] is router.pages
    assert 0 < len(site.pages) <= 64


def test_what_chooses_among_resources_is_asked_each_time() -> None:
    router = make_router()
    chat = router.resource()

    class Switch(Resource):
        closed = False

        def getChild(self, path: bytes, request: Any) -> Any:
            return ForbiddenResource() if self.closed else chat

    class Default(Switch):
        def getChildWithDefault(self, path: bytes, request: Any) -> Any:
            return self.getChild(path, request)

    replaced = Resource()
    replaced.putChild(b"chat", chat)
    replaced.getChildWithDefault = Default().getChildWithDefault  # type: ignore[method-assign]
    below = Resource()
    switch = Switch()
    below.putChild(b"chat", switch)
    default = Default()
    default.putChild(b"chat", chat)
    for tree, path in ((Switch(), "/chat"), (default, "/chat"), (below, "/chat/now")):
        clock = Clock()
        site = SockJSSite(tree, [router], reactor=clock)
        for closed, status in ((False, 200), (True, 403), (False, 200)):
            (switch if tree is below else tree).closed = closed  # type: ignore[attr-defined]
            client = Client(site, clock)
            client.send(request("POST", f"{path}/0/{len(router.sessions)}/xhr"))
            assert client.answers[0].code == status, (tree, closed)
    site = SockJSSite(replaced, [router], reactor=Clock())
    assert site.pages["/chat"] is router.pages
    assert not list(site.pages)


# -- what is said at the start


def said(tree: Any, *routers: SockJSRouter, **options: Any) -> list[str | None]:
    site = SockJSSite(tree, routers, reactor=Clock(), **options)
    with capturedLogs() as logs:
        site.doStart()
        site.doStop()
    return [formatEvent(event) for event in logs]


def test_what_makes_a_site_slower_is_said_once_at_the_start(tmp_path: Any) -> None:
    router, other = make_router(), make_router("/b")
    tree = under("/chat", router.resource())
    tree.putChild(b"x", guarded(other.resource()))
    assert said(tree, router) == []
    (line,) = said(tree, router, logPath=str(tmp_path / "log"))
    assert line is not None and "an access log (logPath)" in line
    (line,) = said(tree, router, other)
    assert line is not None and repr(other) in line and "guard" in line
    assert said(tree, logPath=str(tmp_path / "log")) == []
