"""Configuration files: what they hold, and the one line for what is wrong in them."""

import pytest

from txsockjs.actors.connection import SockJSConnection
from txsockjs.cli.plan import Plan
from txsockjs.errors import SettingsError
from txsockjs.protocols.gateway import Upstream
from txsockjs.protocols.web_upstream import WebUpstream

CHAT = f"{__name__}.Chat"


class Chat(SockJSConnection):
    """Something to mount."""


@pytest.fixture
def read(tmp_path):
    """Give a function that writes a file and reads it as a plan."""

    def read(text):
        path = tmp_path / "sockjs.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Plan.read(str(path))

    return read


def test_an_empty_file_says_nothing(read):
    assert read("") == Plan([], None, {}, [])


def test_a_file_names_endpoints_files_settings_and_mounts(read, tmp_path):
    plan = read(
        f"""
        listen = ["tcp:8080", "unix:/run/sockjs.sock"]
        static = "public"

        [settings]
        heartbeat_delay = 20
        disabled_transports = ["jsonp"]

        [[mount]]
        prefix = "/chat"
        app = "{CHAT}"

        [[mount]]
        app = "{CHAT}"
        settings = {{ heartbeat_delay = 7, verify_ip = true }}
        """
    )
    assert plan.listen == ["tcp:8080", "unix:/run/sockjs.sock"]
    assert plan.static == str(tmp_path / "public")
    assert [mount.prefix for mount in plan.mounts] == ["/chat", ""]
    assert all(mount.connection is Chat for mount in plan.mounts)
    first, second = map(plan.settings_of, plan.mounts)
    assert (first.heartbeat_delay, first.verify_ip) == (20.0, False)
    assert (second.heartbeat_delay, second.verify_ip) == (7.0, True)
    assert first.disabled_transports == second.disabled_transports == frozenset({"jsonp"})


def test_a_mount_may_bridge_to_an_endpoint(read):
    plan = read(
        """
        [[mount]]
        prefix = "/irc"
        app = "endpoint:tcp:irc.example.net:6667"

        [[mount]]
        app = "endpoint:tls:irc.example.net:6697"
        connect_timeout = 5
        fallback_encoding = "latin-1"
        """
    )
    assert [(mount.prefix, mount.connection) for mount in plan.mounts] == [
        ("/irc", Upstream("tcp:irc.example.net:6667")),
        ("", Upstream("tls:irc.example.net:6697", 5.0, "latin-1")),
    ]


def test_a_mount_may_bridge_to_a_url_and_say_what_is_passed_on(read):
    plan = read(
        """
        [[mount]]
        prefix = "/feed"
        app = "wss://feed.example.net/ws"
        connect_timeout = 5
        fallback_encoding = "latin-1"
        headers = ["Authorization"]
        cookies = ["session"]
        pass_query = false
        pass_origin = false
        pass_address = false

        [[mount]]
        app = "http://backend/echo"
        """
    )
    url = "wss://feed.example.net/ws"
    assert [mount.connection for mount in plan.mounts] == [
        WebUpstream(url, 5, "latin-1", ("Authorization",), ("session",), False, False, False),
        WebUpstream("http://backend/echo"),
    ]


def test_one_endpoint_may_stand_alone_and_a_static_path_may_be_absolute(read):
    plan = read('listen = "tcp:1"\nstatic = "/srv/files"')
    assert (plan.listen, plan.static) == (["tcp:1"], "/srv/files")


def test_workers_and_a_cluster_are_read(read):
    plan = read('workers = 3\ncluster = "redis://10.0.0.5/1"\ncluster_secret = "s"')
    assert (plan.workers, plan.cluster, plan.cluster_secret) == (3, "redis://10.0.0.5/1", "s")


def test_overrides_win_over_what_any_mount_says(read):
    plan = read(
        f"""
        settings = {{ ping_timeout = 1 }}
        mount = [{{ app = "{CHAT}", settings = {{ heartbeat_delay = 7, ping_timeout = 8 }} }}]
        """
    )
    plan.override({"heartbeat_delay": 9.0})
    settings = plan.settings_of(plan.mounts[0])
    assert (settings.heartbeat_delay, settings.ping_timeout) == (9.0, 8.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("listen = ", "is not TOML: "),
        (b"# \xff", "is not TOML: "),
        ("lisden = 1", "unknown name 'lisden', did you mean listen?"),
        ("x = 1", "unknown name 'x', the names are listen, static, workers, cluster, "),
        ("listen = 8080", "listen must be an endpoint or a list of them, not 8080"),
        ("listen = [8080]", "listen must be an endpoint or a list of them, not [8080]"),
        ("static = 1", "static must be a directory, not 1"),
        ("settings = 1", "settings must be a table, not 1"),
        ("[settings]\nheartbeat = 1", "unknown setting 'heartbeat', did you mean heartbeat_delay?"),
        ("[settings]\nheartbeat_delay = -1", "heartbeat_delay must be > 0 seconds, not -1"),
        ("[settings]\nheartbeat_delay = nan", "heartbeat_delay must be > 0 seconds, not nan"),
        ("[mount]\napp = 'x'", "mount must be written as [[mount]], not {'app': 'x'}"),
        ("mount = [1]", "a mount must be a table, not 1"),
        ("[[mount]]\nprefix = '/a'", "app must be the dotted name of a SockJSConnection, not None"),
        ("[[mount]]\napp = 1", "app must be the dotted name of a SockJSConnection, not 1"),
        ("[[mount]]\napp = 'no_such.App'", "cannot import 'no_such.App': "),
        ("[[mount]]\nprefix = 'a'", "a prefix must be / or a path such as /chat, not 'a'"),
        ("[[mount]]\nprefix = 1", "prefix must be a path such as /chat, not 1"),
        ("[[mount]]\npath = '/a'", "unknown name 'path', the names are prefix, app, settings, "),
        ("[[mount]]\nsettings = 1", "settings must be a table, not 1"),
        ("[[mount]]\nsettings = { a = 1 }", "unknown setting 'a'"),
        (
            "[[mount]]\napp = 'endpoint:tcp:a:1'\nconnect_timeout = 0",
            "connect_timeout must be > 0 seconds, not 0",
        ),
        (
            "[[mount]]\napp = 'endpoint:tcp:a:1'\nfallback_encoding = 'x'",
            "fallback_encoding must be a text encoding such as latin-1, replace or none, not 'x'",
        ),
        (
            f"[[mount]]\napp = '{CHAT}'\nconnect_timeout = 1",
            f"connect_timeout is for an endpoint: or a URL to bridge to, not for {CHAT}",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line_that_names_the_file(read, text, words):
    with pytest.raises(SettingsError) as caught:
        read(text)
    message = str(caught.value)
    assert "sockjs.toml" in message
    assert words in message
    assert "\n" not in message


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(SettingsError) as caught:
        Plan.read(str(tmp_path / "none.toml"))
    assert str(caught.value) == f"cannot read {tmp_path / 'none.toml'}: No such file or directory"


def test_a_cluster_is_read_and_a_wrong_one_refused(read):
    plan = read('cluster = "redis://10.0.0.5/1"\ncluster_secret = "x"')
    assert (plan.cluster, plan.cluster_secret) == ("redis://10.0.0.5/1", "x")
    for text in ('cluster = "10.0.0.5:6379"', "cluster = 1", "cluster_secret = 1"):
        with pytest.raises(SettingsError, match=r"sockjs.toml: .*(redis://|must be text)"):
            read(text)


def test_a_file_says_where_logs_go_and_how_they_are_written(read, tmp_path):
    plan = read('access_log = "logs/access"\nlog_format = "json"')
    assert (plan.access_log, plan.log_format) == (str(tmp_path / "logs" / "access"), "json")
    assert read('access_log = "/var/log/chat"').access_log == "/var/log/chat"
    assert read('access_log = "-"').access_log == "-"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('log_format = "xml"', "log_format must be text or json, not 'xml'"),
        ("log_format = []", "log_format must be text or json, not []"),
        ('access_log = ""', "access_log must be a file, or -, not ''"),
        ("access_log = 1", "access_log must be a file, or -, not 1"),
    ],
)
def test_wrong_logs_are_told(read, text, words):
    with pytest.raises(SettingsError) as caught:
        read(text)
    assert str(caught.value).endswith(f": {words}")
