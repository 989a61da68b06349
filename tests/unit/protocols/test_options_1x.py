"""The options of txsockjs 1.x: each becomes a setting, with a warning that names it."""

from __future__ import annotations

import pytest
from twisted.internet.protocol import Factory
from twisted.internet.testing import StringTransport

import txsockjs.utils
from txsockjs import Settings, SettingsError
from txsockjs.factory import SockJSFactory, SockJSMultiFactory, SockJSResource
from txsockjs.protocols.options_1x import OPTIONS, parsed, translated

NEVER_TO = frozenset({"websocket", "rawwebsocket"})


@pytest.mark.parametrize(
    ("name", "value", "setting", "outcome"),
    [
        ("websocket", True, "disabled_transports", frozenset()),
        ("websocket", False, "disabled_transports", NEVER_TO),
        ("cookie_needed", True, "jsessionid", True),
        ("heartbeat", 30, "heartbeat_delay", 30.0),
        ("timeout", 7, "disconnect_delay", 7.0),
        ("streaming_limit", 4096, "response_limit", 4096),
        ("sockjs_url", "https://a.example/s.js", "sockjs_url", "https://a.example/s.js"),
        ("proxy_header", None, "trusted_proxies", ()),
    ],
)
def test_each_option_becomes_a_setting_and_says_so(name, value, setting, outcome):
    words = f"the option {name!r} of txsockjs 1.x is deprecated: pass .* instead"
    with pytest.warns(DeprecationWarning, match=words) as told:
        factory = SockJSFactory(Factory(), {name: value})
    (warning,) = told
    assert warning.filename == __file__
    if setting != name:
        assert f"the keyword {setting} instead" in str(warning.message)
    expected = Settings(**{setting: outcome})
    assert factory.router.settings == expected
    assert getattr(expected, setting) is not None


def test_encoding_is_what_bytes_that_are_no_utf_8_are_read_as():
    with pytest.warns(DeprecationWarning, match="pass the keyword fallback_encoding instead"):
        resource = SockJSResource(Factory(), {"encoding": "cp1252"})
    assert resource.router.get_connection_class().fallback_encoding == "cp1252"


def test_all_the_documented_options_work_together_everywhere():
    options = {
        "websocket": True,
        "cookie_needed": False,
        "heartbeat": 25,
        "timeout": 5,
        "streaming_limit": 128 * 1024,
        "encoding": "cp1252",
        "sockjs_url": "https://a.example/sockjs.js",
        "proxy_header": None,
    }
    assert set(options) == set(OPTIONS)
    several = SockJSMultiFactory()
    with pytest.warns(DeprecationWarning, match="txsockjs 1.x is deprecated") as told:
        routers = [
            SockJSFactory(Factory(), options).router,
            SockJSResource(Factory(), options).router,
            several.addFactory(Factory(), "echo", options),
        ]
    assert len(told) == 3 * len(OPTIONS)
    assert {warning.filename for warning in told} == {__file__}
    for router in routers:
        assert router.settings == Settings(sockjs_url="https://a.example/sockjs.js")


def test_new_names_in_the_dictionary_are_settings_and_keywords_win():
    assert translated({"heartbeat_delay": 30}) == {"heartbeat_delay": 30}
    with pytest.warns(DeprecationWarning, match="heartbeat_delay"):
        factory = SockJSFactory(Factory(), {"heartbeat": 30}, heartbeat_delay=40)
    assert factory.router.settings.heartbeat_delay == 40


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"heartbeet": 3}, "unknown setting 'heartbeet', did you mean heartbeat_delay?"),
        ({"websocket": 1}, "websocket must be on or off, not 1"),
        (
            {"proxy_header": "X-Forwarded-For"},
            "proxy_header='X-Forwarded-For' is not supported any more: name the addresses of",
        ),
    ],
)
def test_what_is_no_option_is_refused_by_name(options, words):
    with pytest.raises(SettingsError) as caught:
        SockJSFactory(Factory(), options)
    assert words in str(caught.value)


@pytest.mark.filterwarnings("ignore:the option 'heartbeat' .*:DeprecationWarning")
def test_a_value_that_makes_no_sense_is_refused_by_the_name_of_the_setting():
    with pytest.raises(SettingsError, match="heartbeat_delay must be > 0 seconds, not 0"):
        SockJSFactory(Factory(), {"heartbeat": 0})


@pytest.mark.parametrize(
    ("name", "text", "outcome"),
    [
        ("websocket", "true", ("disabled_transports", ())),
        ("websocket", "off", ("disabled_transports", ("websocket", "rawwebsocket"))),
        ("cookie_needed", "True", ("jsessionid", True)),
        ("heartbeat", "30", ("heartbeat_delay", 30.0)),
        ("timeout", "2.5", ("disconnect_delay", 2.5)),
        ("streaming_limit", "4096", ("response_limit", 4096)),
        ("encoding", "cp1252", ("fallback_encoding", "cp1252")),
        ("proxy_header", "", ("trusted_proxies", ())),
    ],
)
def test_each_option_is_read_from_text(name, text, outcome):
    with pytest.warns(DeprecationWarning, match=f"{name!r} .* the keyword {outcome[0]} instead"):
        assert parsed(name, text) == outcome


def test_a_header_of_proxies_in_a_text_is_refused():
    with pytest.raises(SettingsError, match="in trusted_proxies, such as 10"):
        parsed("proxy_header", "forwarded")


def test_what_is_a_setting_is_read_from_text_without_a_warning():
    assert parsed("sockjs_url", "https://a.example/") == ("sockjs_url", "https://a.example/")
    assert parsed("heartbeat_delay", "3") == ("heartbeat_delay", 3.0)
    with pytest.raises(SettingsError, match="websocket must be on or off, not 'maybe'"):
        parsed("websocket", "maybe")
    with pytest.raises(SettingsError, match="heartbeat_delay must be > 0 seconds, not 'maybe'"):
        parsed("heartbeat", "maybe")


def test_broadcast_is_where_it_was():
    one, two = StringTransport(), StringTransport()
    txsockjs.utils.broadcast(b"hello", {one, two})
    assert one.value() == two.value() == b"hello"
