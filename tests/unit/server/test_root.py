"""The root resource: which mount gets which path, and what it sees of it."""

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.pages import notFound
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsockjs.errors import SettingsError
from txsockjs.server.root import Directory, Page, Root


class Leaf(Resource):
    """Answer with a name and the path as this resource got it."""

    isLeaf = True

    def __init__(self, name):
        super().__init__()
        self.name = name

    def render_GET(self, request):
        return b"|".join([self.name.encode(), *request.prepath, b"+", *request.postpath])


def get(root, path):
    """Request a path in memory and give status and body."""
    clock = Clock()
    channel = Site(root, reactor=clock).buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
    transport = StringTransport()
    channel.makeConnection(transport)
    channel.dataReceived(b"GET " + path + b" HTTP/1.0\r\n\r\n")
    channel.connectionLost(None)
    head, _, body = transport.value().partition(b"\r\n\r\n")
    assert clock.getDelayedCalls() == []
    return int(head.split()[1]), body


def make_root(*prefixes, fallback=None):
    root = Root(fallback)
    for prefix in prefixes:
        root.mount(prefix, Leaf(prefix or "root"))
    return root


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (b"/a", b"/a|+|a"),
        (b"/a/", b"/a|+|a|"),
        (b"/a/x/y", b"/a|+|a|x|y"),
        (b"/a/b", b"/a/b|+|a|b"),
        (b"/a/b/c", b"/a/b|+|a|b|c"),
        (b"/a/bc", b"/a|+|a|bc"),
        (b"/%61/b", b"/a/b|+|a|b"),
        (b"/a%2Fb", None),
        (b"/", None),
        (b"/ab", None),
        (b"/b/a", None),
        (b"//a", None),
    ],
)
def test_the_longest_prefix_of_whole_segments_wins(path, body):
    status, got = get(make_root("/a", "/a/b"), path)
    if body is None:
        assert status == 404
    else:
        assert (status, got) == (200, body)


def test_a_mount_at_the_root_gets_all_that_is_left():
    root = make_root("", "/a")
    assert get(root, b"/a/x") == (200, b"/a|+|a|x")
    assert get(root, b"/") == (200, b"root|+|")
    assert get(root, b"/x/y") == (200, b"root|+|x|y")


def test_a_prefix_may_hold_any_character():
    root = make_root("/\u0447\u0430\u0442", "/a b")
    assert get(root, b"/%D1%87%D0%B0%D1%82")[0] == 200
    assert get(root, b"/a%20b")[0] == 200


def test_what_no_mount_has_goes_to_the_fallback():
    class Fallback(Resource):
        def getChild(self, path, request):
            return notFound()

    fallback = Fallback()
    fallback.putChild(b"page", Leaf("page"))
    root = make_root("/a", fallback=fallback)
    assert get(root, b"/page") == (200, b"page|page|+")
    assert get(root, b"/page/x") == (200, b"page|page|+|x")
    assert get(root, b"/other")[0] == 404
    assert get(root, b"/a")[1] == b"/a|+|a"


@pytest.mark.parametrize(("prefix", "shown"), [("", "/"), ("/a/b", "/a/b")])
def test_a_prefix_is_mounted_once(prefix, shown):
    root = make_root(prefix)
    with pytest.raises(SettingsError) as caught:
        root.mount(prefix, Leaf("again"))
    assert str(caught.value) == f"a prefix can be mounted once, {shown} is there twice"


def test_a_directory_has_no_listings_and_nothing_outside_of_it(tmp_path):
    (tmp_path / "inner" / "sub").mkdir(parents=True)
    (tmp_path / "outside.html").write_bytes(b"secret")
    root = make_root("/a", fallback=Directory(str(tmp_path / "inner")))
    for path in (b"/", b"/sub/", b"/no.html", b"/../outside.html", b"/%2e%2e%2foutside.html"):
        assert get(root, path)[0] == 404


def test_a_page_has_what_is_put_there_and_nothing_else():
    page = Page()
    page.putChild(b"here", Leaf("page"))
    root = Root(page)
    assert get(root, b"/here") == (200, b"page|here|+")
    assert get(root, b"/")[0] == get(root, b"/there")[0] == 404
