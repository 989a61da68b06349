"""Settings by value: defaults, what each kind takes and refuses, and the words it refuses with."""

import dataclasses
import ipaddress
import math

import pytest

from txsockjs._kinds import Rate
from txsockjs.errors import SettingsError, SockJSError
from txsockjs.settings import TRANSPORTS, Settings

FIELDS = {field.name: field for field in dataclasses.fields(Settings)}
SECONDS = (
    "heartbeat_delay",
    "disconnect_delay",
    "session_check_interval",
    "response_lifetime",
    "ping_timeout",
    "idle_timeout",
    "request_timeout",
)
SIZES = ("response_limit", "max_message_size", "max_body_size", "mailbox_limit", "send_limit")
COUNTS = ("max_sessions", "max_sessions_per_ip")
RATES = ("open_rate_per_ip", "message_rate")
SWITCHES = ("verify_ip", "immediate_flush", "disable_nagle")


def refusal(**overrides):
    """Give the words that these settings are refused with."""
    with pytest.raises(SettingsError) as caught:
        Settings(**overrides)
    return str(caught.value)


def test_the_defaults_are_the_documented_ones():
    assert dataclasses.asdict(Settings()) == {
        "heartbeat_delay": 25.0,
        "disconnect_delay": 5.0,
        "session_check_interval": 1.0,
        "response_limit": 131072,
        "response_lifetime": 600.0,
        "disabled_transports": frozenset(),
        "jsessionid": False,
        "sockjs_url": "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js",
        "base_url": None,
        "allowed_origins": "*",
        "verify_ip": False,
        "trusted_proxies": (),
        "subprotocols": (),
        "max_message_size": 1048576,
        "max_body_size": 4194304,
        "mailbox_limit": 1048576,
        "send_limit": 8388608,
        "max_sessions": None,
        "max_sessions_per_ip": None,
        "open_rate_per_ip": None,
        "message_rate": None,
        "ping_timeout": 20.0,
        "idle_timeout": 75.0,
        "request_timeout": 60.0,
        "immediate_flush": True,
        "disable_nagle": True,
        "shutdown_code": 1012,
        "shutdown_reason": "Service restart",
    }


def test_every_field_has_one_line_of_help():
    for field in FIELDS.values():
        assert field.metadata["help"].strip()
        assert "\n" not in field.metadata["help"]


def test_settings_never_change_and_can_be_hashed_and_compared():
    settings = Settings(disabled_transports=["xhr"], trusted_proxies=["10.0.0.0/8"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.heartbeat_delay = 3.0
    same = Settings(disabled_transports={"xhr"}, trusted_proxies="10.0.0.0/8")
    assert settings == same
    assert hash(settings) == hash(same)
    assert settings != Settings()


def test_replace_makes_a_checked_copy():
    base = Settings(heartbeat_delay=7, max_sessions=3)
    copy = dataclasses.replace(base, heartbeat_delay=8)
    assert (copy.heartbeat_delay, copy.max_sessions) == (8.0, 3)
    assert base.heartbeat_delay == 7.0
    with pytest.raises(SettingsError, match="heartbeat_delay must be"):
        dataclasses.replace(base, heartbeat_delay=0)


def test_a_settings_error_is_ours_and_a_value_error():
    assert issubclass(SettingsError, SockJSError)
    assert issubclass(SettingsError, ValueError)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("heartbeat_dely", "heartbeat_delay"),
        ("heartbeat-delay", "heartbeat_delay"),
        ("disabled_transport", "disabled_transports"),
        ("max_session", "max_sessions"),
    ],
)
def test_an_unknown_name_is_refused_with_the_one_that_was_meant(wrong, meant):
    assert refusal(**{wrong: 1}) == f"unknown setting '{wrong}', did you mean {meant}?"


def test_a_name_that_is_near_no_other_is_refused_with_all_names():
    assert refusal(zzz=1) == f"unknown setting 'zzz', the settings are {', '.join(FIELDS)}"


@pytest.mark.parametrize("name", SECONDS)
def test_seconds_become_floats(name):
    value = getattr(Settings(**{name: 3}), name)
    assert (value, type(value)) == (3.0, float)


@pytest.mark.parametrize("name", SECONDS)
@pytest.mark.parametrize(
    "value", [0, -1, 0.0, -0.5, math.nan, math.inf, -math.inf, True, False, None, "5", [], 10**400]
)
def test_seconds_refuse_what_is_no_time(name, value):
    assert refusal(**{name: value}) == f"{name} must be > 0 seconds, not {value!r}"


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_kept_as_whole_numbers(name):
    assert getattr(Settings(**{"max_message_size": 1, name: 1}), name) == 1


def test_a_body_may_be_as_large_as_a_message():
    assert Settings(max_message_size=2000, max_body_size=2000).max_body_size == 2000
    assert refusal(max_message_size=2000, max_body_size=1999) == (
        "max_body_size must be at least max_message_size, which is 2000, not 1999"
    )
    assert refusal(max_message_size=5 * 1024 * 1024).startswith("max_body_size must be at least")


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [0, -1, 1.0, 0.5, math.nan, math.inf, True, False, None, "5"])
def test_sizes_refuse_what_is_no_size(name, value):
    assert refusal(**{name: value}) == (
        f"{name} must be a whole number > 0 of bytes, not {value!r}"
    )


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [1, 500, None])
def test_numbers_of_sessions_are_counts_or_none(name, value):
    assert getattr(Settings(**{name: value}), name) == value


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "3"])
def test_numbers_of_sessions_refuse_what_is_no_count(name, value):
    assert refusal(**{name: value}) == (
        f"{name} must be a whole number > 0, or none, not {value!r}"
    )


@pytest.mark.parametrize("name", RATES)
def test_rates_are_a_count_and_a_period_or_none(name):
    assert getattr(Settings(**{name: "10/s"}), name) == Rate(10, 1)
    assert getattr(Settings(**{name: None}), name) is None
    base = Settings(**{name: "60/min"})
    assert getattr(dataclasses.replace(base, max_sessions=3), name) == Rate(60, 60)
    assert Settings.parse(name, " 500/h ") == Rate(500, 3600)
    assert Settings.parse(name, "none") is None


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", [10, 0, "", "10", "0/s", "-1/s", "1.5/s", "10/d", "10/2s", "s"])
def test_rates_refuse_what_is_none(name, value):
    assert refusal(**{name: value}) == (
        f"{name} must be a rate such as 10/s, 60/min or 500/h, or none, not {value!r}"
    )


@pytest.mark.parametrize(
    ("overrides", "limits"),
    [
        ({}, False),
        ({"message_rate": "1/s"}, False),
        ({"max_sessions_per_ip": 1}, True),
        ({"open_rate_per_ip": "1/s"}, True),
    ],
)
def test_some_settings_limit_clients(overrides, limits):
    assert Settings(**overrides).limits_clients is limits


@pytest.mark.filterwarnings("ignore:the setting disable_nagle")
@pytest.mark.parametrize("name", SWITCHES)
def test_switches_take_booleans_only(name):
    for value in (True, False):
        assert getattr(Settings(**{name: value}), name) is value
    for value in (0, 1, None, "on", []):
        assert refusal(**{name: value}) == f"{name} must be on or off, not {value!r}"


def test_disable_nagle_is_taken_and_does_nothing():
    with pytest.warns(DeprecationWarning, match="disable_nagle does nothing"):
        Settings(disable_nagle=False)


@pytest.mark.parametrize(
    "value", [["xhr", "jsonp"], ("jsonp", "xhr"), {"xhr", "jsonp"}, iter(["xhr", "jsonp", "xhr"])]
)
def test_disabled_transports_become_a_frozen_set(value):
    assert Settings(disabled_transports=value).disabled_transports == frozenset({"xhr", "jsonp"})


def test_one_transport_may_stand_alone():
    assert Settings(disabled_transports="xhr").disabled_transports == frozenset({"xhr"})


@pytest.mark.parametrize(
    ("value", "culprit"),
    [
        (["xhr", "smoke"], "smoke"),
        ("x", "x"),
        (["XHR"], "XHR"),
        ([["xhr"]], ["xhr"]),
        (b"xhr", b"xhr"),
        (3, 3),
        (None, None),
    ],
)
def test_unknown_transports_are_refused_by_name(value, culprit):
    assert refusal(disabled_transports=value) == (
        f"disabled_transports must be names among {', '.join(TRANSPORTS)}, not {culprit!r}"
    )


def test_functions_are_kept_where_they_are_allowed():
    def function(argument):
        return "value"

    settings = Settings(jsessionid=function, base_url=function, allowed_origins=function)
    assert settings.jsessionid is function
    assert settings.base_url is function
    assert settings.allowed_origins is function
    hash(settings)


@pytest.mark.parametrize("value", [1, "on", None])
def test_jsessionid_refuses_what_is_no_switch(value):
    assert refusal(jsessionid=value) == f"jsessionid must be on, off or a function, not {value!r}"


@pytest.mark.parametrize("value", ["/chat", "https://cdn.example.com/s.js", "//example.com/s.js"])
def test_urls_are_kept_as_they_are(value):
    settings = Settings(sockjs_url=value, base_url=value)
    assert (settings.sockjs_url, settings.base_url) == (value, value)


@pytest.mark.parametrize("value", ["", "http://a b", "http://a\r\nX: y", "http://\u00e4", 3, b"/a"])
def test_urls_refuse_what_could_not_be_sent(value):
    assert refusal(sockjs_url=value) == f"sockjs_url must be a URL, not {value!r}"
    assert (
        refusal(base_url=value) == f"base_url must be a URL or a function, or none, not {value!r}"
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://example.com", "https://example.com"),
        ("HTTPS://Example.COM", "https://example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("http://example.com:443", "http://example.com:443"),
        ("http://example.com:08080", "http://example.com:8080"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://localhost", "http://localhost"),
        ("moz-extension://abc-1", "moz-extension://abc-1"),
        ("null", "null"),
    ],
)
def test_origins_are_written_as_browsers_write_them(given, kept):
    assert Settings(allowed_origins=[given]).allowed_origins == frozenset({kept})


def test_origins_may_be_all_none_one_or_many():
    assert Settings(allowed_origins="*").allowed_origins == "*"
    assert Settings(allowed_origins=["https://a.example", "*"]).allowed_origins == "*"
    assert Settings(allowed_origins=[]).allowed_origins == frozenset()
    assert Settings(allowed_origins="http://a").allowed_origins == frozenset({"http://a"})
    assert Settings(allowed_origins=iter(["http://a", "http://b"])).allowed_origins == frozenset(
        {"http://a", "http://b"}
    )


@pytest.mark.parametrize(
    "value",
    [
        "example.com",
        "https://example.com/",
        "https://example.com/path",
        "https://*.example.com",
        "https://user@example.com",
        "https://example.com:",
        "https://example.com:0",
        "https://example.com:65536",
        "https://",
        "https://a b",
        "https://a\n",
        "",
        3,
        None,
        b"https://example.com",
    ],
)
def test_origins_refuse_what_no_browser_sends(value):
    assert refusal(allowed_origins=[value]) == (
        f'allowed_origins must be "*", origins such as https://example.com, or a function, '
        f"not {value!r}"
    )


def test_proxies_become_networks():
    networks = Settings(
        trusted_proxies=[
            "10.0.0.0/8",
            "127.0.0.1",
            "::1",
            "192.168.1.7/16",
            ipaddress.ip_address("fe80::1"),
            ipaddress.ip_network("172.16.0.0/12"),
        ]
    ).trusted_proxies
    assert [str(network) for network in networks] == [
        "10.0.0.0/8",
        "127.0.0.1/32",
        "::1/128",
        "192.168.0.0/16",
        "fe80::1/128",
        "172.16.0.0/12",
    ]


def test_one_network_is_not_spread_into_its_addresses():
    network = ipaddress.ip_network("10.0.0.0/8")
    assert Settings(trusted_proxies=network).trusted_proxies == (network,)


@pytest.mark.parametrize("value", ["localhost", "10.0.0.0/33", "10.0.0", "", 7, None])
def test_proxies_refuse_what_is_no_network(value):
    assert refusal(trusted_proxies=[value]) == (
        f"trusted_proxies must be addresses or networks such as 10.0.0.0/8, not {value!r}"
    )


@pytest.mark.parametrize(
    ("former", "present"),
    [
        (
            "websocket_allow_origin",
            "allowed_origins, a list of origins such as https://example.com",
        ),
        (
            "websocket-allow-origin",
            "allowed_origins, a list of origins such as https://example.com",
        ),
        ("user_settings", "the argument settings"),
        ("io_loop", "the argument reactor"),
    ],
)
def test_a_name_of_sockjs_tornado_is_refused_with_its_present_one(former, present):
    assert refusal(**{former: "*"}) == f"unknown setting '{former}', it is {present} now"


def test_merged_lays_overrides_over_any_base():
    assert Settings.merged(None, {}) == Settings()
    assert Settings.merged(None, {"max_sessions": 2}) == Settings(max_sessions=2)
    mapping = {"heartbeat_delay": 9, "max_sessions": 1}
    merged = Settings.merged(mapping, {"max_sessions": 2})
    assert merged == Settings(heartbeat_delay=9, max_sessions=2)
    assert mapping == {"heartbeat_delay": 9, "max_sessions": 1}
    base = Settings(heartbeat_delay=9)
    assert Settings.merged(base, {"max_sessions": 2}) == merged
    assert Settings.merged(base, {}) == base


@pytest.mark.parametrize("base", [None, {}, Settings()])
def test_merged_refuses_unknown_names_whatever_the_base(base):
    with pytest.raises(SettingsError, match="did you mean ping_timeout"):
        Settings.merged(base, {"pingtimeout": 2})


def test_merged_refuses_a_base_that_holds_no_settings():
    with pytest.raises(SettingsError, match="settings must be a Settings or a mapping, not 3"):
        Settings.merged(3, {})
    with pytest.raises(SettingsError, match="unknown setting 3"):
        Settings.merged({3: 4}, {})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("heartbeat_delay", "20", 20.0),
        ("heartbeat_delay", " 0.5 ", 0.5),
        ("response_limit", "4096", 4096),
        ("verify_ip", "on", True),
        ("verify_ip", "TRUE", True),
        ("verify_ip", "yes", True),
        ("verify_ip", "off", False),
        ("verify_ip", "false", False),
        ("verify_ip", "No", False),
        ("jsessionid", "on", True),
        ("max_sessions", "none", None),
        ("max_sessions", "3", 3),
        ("base_url", "none", None),
        ("base_url", "/chat", "/chat"),
        ("disabled_transports", "xhr,jsonp", frozenset({"xhr", "jsonp"})),
        ("disabled_transports", " xhr , jsonp, ", frozenset({"xhr", "jsonp"})),
        ("disabled_transports", "xhr-polling,xhr-streaming", frozenset({"xhr", "xhr_streaming"})),
        ("disabled_transports", "jsonp-polling,jsonp", frozenset({"jsonp"})),
        ("disabled_transports", "none", frozenset()),
        ("allowed_origins", "*", "*"),
        ("allowed_origins", "http://A,http://b:80", frozenset({"http://a", "http://b"})),
        ("trusted_proxies", "127.0.0.1", (ipaddress.ip_network("127.0.0.1"),)),
        ("trusted_proxies", "none", ()),
    ],
)
def test_text_becomes_a_value(name, text, value):
    assert Settings.parse(name, text) == value
    assert getattr(Settings(**{name: Settings.parse(name, text)}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("heartbeat_delay", "soon", "heartbeat_delay must be > 0 seconds, not 'soon'"),
        ("heartbeat_delay", "-1", "heartbeat_delay must be > 0 seconds, not -1"),
        ("heartbeat_delay", "nan", "heartbeat_delay must be > 0 seconds, not nan"),
        ("heartbeat_delay", "none", "heartbeat_delay must be > 0 seconds, not 'none'"),
        ("response_limit", "1.5", "response_limit must be a whole number > 0 of bytes, not '1.5'"),
        ("verify_ip", "1", "verify_ip must be on or off, not '1'"),
        ("max_sessions", "many", "max_sessions must be a whole number > 0, or none, not 'many'"),
        ("sockjs_url", "", "sockjs_url must be a URL, not ''"),
        ("pings", "1", "unknown setting 'pings'"),
    ],
)
def test_text_that_makes_no_sense_is_refused(name, text, words):
    with pytest.raises(SettingsError) as caught:
        Settings.parse(name, text)
    assert str(caught.value).startswith(words)


def test_subprotocols_keep_their_order():
    names = ["v12.stomp", "v11.stomp", "mqtt"]
    assert Settings(subprotocols=names).subprotocols == tuple(names)
    assert Settings.parse("subprotocols", "v12.stomp, v11.stomp,mqtt") == tuple(names)
    assert Settings.parse("subprotocols", "none") == ()
    assert Settings(subprotocols="mqtt").subprotocols == ("mqtt",)


@pytest.mark.parametrize(
    ("value", "culprit"),
    [
        (["a b"], "'a b'"),
        (["a", ""], "''"),
        ("a,b", "'a,b'"),
        (["a\r\nX: y"], "'a\\r\\nX: y'"),
        (["é"], "'é'"),
        ([1], "1"),
        ({"a"}, "{'a'}"),
        (None, "None"),
    ],
)
def test_a_subprotocol_that_is_no_token_is_refused(value, culprit):
    assert refusal(subprotocols=value) == (
        f"subprotocols must be names such as v12.stomp, in order of preference, not {culprit}"
    )
