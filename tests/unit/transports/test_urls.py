"""The URLs of an endpoint: which there are."""

from __future__ import annotations

from ...support.memory import Lab


def test_the_same_id_at_two_routers_is_two_sessions() -> None:
    first, second = Lab(), Lab()
    assert first.xhr().body == b"o\n"
    assert second.xhr().body == b"o\n"
    assert first.send(b'["x"]').status == 204
    assert first.log == ["open", "x"]
    assert second.log == ["open"]
    first.settle()
    second.settle()


def test_a_disabled_transport_has_no_url_and_info_agrees() -> None:
    methods = {"xhr": "POST", "xhr_streaming": "POST"}
    for name in ("websocket", "xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp"):
        lab = Lab(disabled_transports=[name])
        path = f"/000/abc/{name}?c=x"
        assert lab.connect().request(methods.get(name, "GET"), path).status == 404
        info = lab.connect().request("GET", "/info").body
        assert (b'"websocket":false' in info) is (name == "websocket")
        lab.settle()


def test_senders_go_with_the_transports_that_need_them() -> None:
    lab = Lab(disabled_transports=["xhr", "xhr_streaming", "eventsource", "htmlfile"])
    assert lab.connect().request("OPTIONS", "/000/abc/xhr_send").status == 404
    assert lab.connect().request("GET", "/000/abc/jsonp_send").status == 405
    lab.settle()
