"""Mounts as text: prefixes, dotted names and the words for what is wrong with them."""

import sys

import pytest
from twisted.internet.task import Clock

from txsockjs.actors.connection import SockJSConnection
from txsockjs.cli.mount import Mount, find_connection
from txsockjs.errors import SettingsError
from txsockjs.protocols.gateway import Upstream
from txsockjs.protocols.web_upstream import WebUpstream


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Make an empty current directory that is not on the path of imports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


CHAT = (
    "from txsockjs.actors.connection import SockJSConnection\nclass Chat(SockJSConnection): pass\n"
)


def chat(method):
    return CHAT.replace("pass", f"\n    def {method}: pass")


def test_a_mount_is_a_prefix_and_a_class_from_the_current_directory(here):
    (here / "some_chat.py").write_text(CHAT)
    mount = Mount.parse("/chat=some_chat.Chat")
    assert mount.prefix == "/chat"
    assert issubclass(mount.connection, SockJSConnection)
    assert mount.connection.__name__ == "Chat"
    assert mount.settings == {}
    assert Mount.parse("=some_chat.Chat").prefix == ""
    assert Mount.parse("/a=b=some_chat.Chat").prefix == "/a=b"


def test_a_class_may_be_deep_in_a_package(here):
    package = here / "some_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "deep.py").write_text(CHAT)
    assert find_connection("some_package.deep.Chat").__name__ == "Chat"


@pytest.mark.parametrize(
    ("text", "prefix", "url"),
    [
        ("/chat=ws://backend:9000/chat", "/chat", "ws://backend:9000/chat"),
        ("=wss://backend/?a=b", "", "wss://backend/?a=b"),
        ("/a=b=http://backend/echo?c=d", "/a=b", "http://backend/echo?c=d"),
        ("/x=https://backend/echo", "/x", "https://backend/echo"),
    ],
)
def test_a_mount_may_be_a_url(text, prefix, url):
    mount = Mount.parse(text)
    assert (mount.prefix, mount.connection) == (prefix, WebUpstream(url))
    assert issubclass(mount.connection_on(Clock()), SockJSConnection)


def test_a_mount_without_a_name_is_refused():
    with pytest.raises(SettingsError) as caught:
        Mount.parse("/chat")
    assert str(caught.value) == "a mount must be PREFIX=dotted.Name, not '/chat'"


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        (None, "some_app.Chat", "cannot import 'some_app.Chat': No module named 'some_app'"),
        (None, "some_app.deep.Chat", "'some_app.deep.Chat': No module named 'some_app'"),
        (None, "some_app", "cannot import 'some_app': No module named 'some_app'"),
        (None, "", "cannot import '': Empty module name"),
        ("", "some_app.Chat", "cannot import 'some_app.Chat': module 'some_app' has no attribute"),
        ("import missing_module", "some_app.Chat", "No module named 'missing_module' (some_app.py"),
        ("x = undefined", "some_app.Chat", "NameError: name 'undefined' is not defined"),
        ("\nx = 1 / 0", "some_app.Chat", "ZeroDivisionError: division by zero (some_app.py, line"),
        ("def f(:", "some_app.Chat", "cannot import 'some_app.Chat': SyntaxError: "),
        ("x = 1", "some_app.x", "some_app.x must be a subclass of SockJSConnection, not 1"),
        ("x = 1", "some_app", "some_app must be a subclass of SockJSConnection, not <module"),
        ("", "some_app:Chat", "cannot import 'some_app:Chat': No module named 'some_app:Chat'"),
        (None, "some_app:Chat", "; did you mean some_app.Chat?"),
        (None, "./some_app.py:Chat", "; did you mean some_app.Chat?"),
        (None, "some/app", "; did you mean some.app?"),
        (None, "tcp:localhost:25", "; did you mean endpoint:tcp:localhost:25?"),
        (CHAT, "some_app.py", "; did you mean some_app?"),
        (CHAT, "some_app.chat", "no attribute 'chat'; did you mean some_app.Chat?"),
        (CHAT, "some_app", "py'>; did you mean some_app.Chat?"),
        (chat("on_open(self)"), "some_app.Chat", "(self, info), not (self)"),
        (chat("on_close(self, why)"), "some_app.Chat", "Chat.on_close must take"),
        (chat("__init__(self)"), "some_app.Chat", "Chat.__init__ must take (self, s"),
        ("class X: pass", "some_app.X", "must be a subclass of SockJSConnection, not <class"),
    ],
)
def test_what_cannot_be_imported_or_is_no_connection_is_told_in_one_line(here, source, name, words):
    if source is not None:
        (here / "some_app.py").write_text(source)
    with pytest.raises(SettingsError) as caught:
        find_connection(name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mount_may_be_an_endpoint_with_equals_signs_in_it():
    mount = Mount.parse("/irc=endpoint:tcp:irc.example.net:6667:timeout=5")
    assert (mount.prefix, mount.connection) == (
        "/irc",
        Upstream("tcp:irc.example.net:6667:timeout=5"),
    )
    with pytest.raises(SettingsError, match="a prefix must be / or a path such as /chat, not 'x'"):
        Mount.parse("x=endpoint:tcp:a:1")
    with pytest.raises(SettingsError, match="did you mean endpoint:tcp:a:1:timeout=5\\?"):
        Mount.parse("/irc=tcp:a:1:timeout=5")
    with pytest.raises(SettingsError, match=r"import .nowhere\.Chat"):
        Mount.parse("/a=b=nowhere.Chat")


def test_a_mount_gives_its_connection_class_on_a_reactor():
    bridged = Mount("", Upstream("tcp:127.0.0.1:6667")).connection_on(Clock())
    assert issubclass(bridged, SockJSConnection)
    assert Mount("", SockJSConnection).connection_on(Clock()) is SockJSConnection
    with pytest.raises(SettingsError, match="cannot bridge to '': Unknown endpoint type"):
        Mount.parse("=endpoint:").connection_on(Clock())
