"""The router, made and asked as sockjs-tornado's is."""

from __future__ import annotations

import pytest
from klein import Klein
from twisted.internet import reactor as global_reactor
from twisted.internet.task import Clock

import txsockjs
from txsockjs.errors import SettingsError
from txsockjs.tornado import SockJSConnection, SockJSRouter
from txsockjs.tornado.session import Session

from ...support.memory import Connection


def test_it_takes_its_arguments_by_place_and_by_name() -> None:
    clock = Clock()
    for router in (
        SockJSRouter(SockJSConnection, "/echo", {"response_limit": 4096}, clock),
        SockJSRouter(
            connection=SockJSConnection,
            prefix="/echo",
            user_settings={"response_limit": 4096},
            io_loop=clock,
        ),
        SockJSRouter(SockJSConnection, "/echo", reactor=clock, response_limit=4096),
    ):
        assert router.prefix == "/echo"
        assert router.reactor is clock
        assert router.settings.response_limit == 4096
        assert router.get_connection_class() is SockJSConnection


def test_a_loop_of_tornados_is_not_used() -> None:
    assert SockJSRouter(SockJSConnection, io_loop=object()).reactor is global_reactor


def test_its_defaults_are_those_of_sockjs_tornado_unless_settings_are_given_whole() -> None:
    router = SockJSRouter(SockJSConnection, io_loop=Clock())
    assert (router.settings.jsessionid, router.settings.verify_ip) == (True, True)
    router = SockJSRouter(SockJSConnection, "", {"verify_ip": False}, Clock())
    assert (router.settings.jsessionid, router.settings.verify_ip) == (True, False)
    router = SockJSRouter(SockJSConnection, "", txsockjs.Settings(), Clock())
    assert router.settings == txsockjs.Settings()
    with pytest.raises(SettingsError, match="heartbeat_delai"):
        SockJSRouter(SockJSConnection, "", {"heartbeat_delai": 1}, Clock())


def test_its_routes_are_added_to_an_application_or_a_list() -> None:
    router = SockJSRouter(SockJSConnection, "/echo", io_loop=Clock())
    routes = ["mine"]
    assert router.apply_routes(routes) is routes
    assert routes == ["mine", *router.urls]
    app = Klein()
    assert router.apply_routes(app) is app
    answer = Connection(app.resource(), Clock()).request("GET", "/echo")
    assert answer.body == b"Welcome to SockJS!\n"


def test_its_sessions_are_those_of_this_package() -> None:
    clock = Clock()
    router = SockJSRouter(SockJSConnection, io_loop=clock)
    Connection(router.resource(), clock).request("POST", "/000/abc/xhr")
    session = router.get_session("abc")
    assert isinstance(session, Session)
    assert session.server is router
    router.broadcast([session.conn], {"a": 1})
    answer = Connection(router.resource(), clock).request("POST", "/000/abc/xhr")
    assert answer.body == b'a[{"a":1}]\n'
