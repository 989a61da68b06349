"""The command line of the plugin, in process: what it makes of options and of wrong ones."""

import dataclasses

import pytest
from twisted.python.usage import UsageError

import txsockjs
from txsockjs.actors.connection import SockJSConnection
from txsockjs.cli.options import DEFAULT_LISTEN, Options
from txsockjs.errors import SettingsError
from txsockjs.protocols.gateway import Upstream
from txsockjs.settings import Settings

CHAT = f"{__name__}.Chat"


class Chat(SockJSConnection):
    """Something to mount."""


def plan(*arguments):
    options = Options()
    options.parseOptions(list(arguments))
    return options.plan


def refusal(*arguments):
    with pytest.raises(UsageError) as caught:
        plan(*arguments)
    return str(caught.value)


def test_with_no_options_it_listens_locally_and_mounts_nothing():
    nothing = plan()
    assert nothing.listen == [DEFAULT_LISTEN] == ["tcp:8080:interface=127.0.0.1"]
    assert (nothing.mounts, nothing.settings, nothing.static) == ([], {}, None)


def test_endpoints_and_mounts_may_be_repeated():
    made = plan(
        *("--listen", "tcp:1", "--listen", "tcp:2"),
        *("--mount", f"/a={CHAT}", "--mount", f"/b/c={CHAT}"),
    )
    assert made.listen == ["tcp:1", "tcp:2"]
    assert [(mount.prefix, mount.connection) for mount in made.mounts] == [
        ("/a", Chat),
        ("/b/c", Chat),
    ]


def test_app_and_prefix_are_short_for_a_mount():
    (mount,) = plan("--app", CHAT, "--prefix", "/chat").mounts
    assert (mount.prefix, mount.connection) == ("/chat", Chat)
    (mount,) = plan("--app", "endpoint:tcp:a:1").mounts
    assert mount.connection == Upstream("tcp:a:1")
    (mount,) = plan("--app", CHAT).mounts
    assert mount.prefix == ""


def test_a_fallback_encoding_is_that_of_every_endpoint_and_wins_over_the_file(tmp_path):
    file = tmp_path / "sockjs.toml"
    file.write_text(
        """
        mount = [{ prefix = "/a", app = "endpoint:tcp:a:1", fallback_encoding = "latin-1" }]
        """
    )
    more = ("--mount", "/b=endpoint:tcp:b:1", "--mount", f"/c={CHAT}")
    told = plan("--config", str(file), *more, "--fallback-encoding", "replace").mounts
    assert [mount.connection for mount in told] == [
        Upstream("tcp:a:1", fallback_encoding="replace"),
        Upstream("tcp:b:1", fallback_encoding="replace"),
        Chat,
    ]
    (mount,) = plan("--config", str(file), "--fallback-encoding", "none").mounts
    assert mount.connection == Upstream("tcp:a:1")
    (mount,) = plan("--config", str(file)).mounts
    assert mount.connection == Upstream("tcp:a:1", fallback_encoding="latin-1")


def test_static_is_kept_as_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert plan("--app", CHAT, "--prefix", "/a", "--static", "files").static == str(
        tmp_path / "files"
    )


def text_for(name):
    """Give a text that every kind of setting takes for this one, other than its default."""
    by_name = {"disabled_transports": "xhr,jsonp", "trusted_proxies": "10.0.0.0/8"}
    by_name["subprotocols"] = "v12.stomp,v11.stomp"
    by_name["open_rate_per_ip"] = by_name["message_rate"] = "60/min"
    by_name["max_body_size"] = "7000000"  # which is not less than max_message_size
    default = getattr(Settings(), name)
    if name in by_name:
        return by_name[name]
    if isinstance(default, bool):
        return "off" if default else "on"
    if name == "shutdown_code":
        return "4000"
    return "https://example.com" if name.endswith(("_url", "_origins")) else "7"


@pytest.mark.filterwarnings("ignore:the setting disable_nagle")
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Settings)])
def test_every_setting_is_an_option(name):
    text = text_for(name)
    made = plan("--" + name.replace("_", "-"), text, "--app", CHAT)
    assert made.settings == {name: Settings.parse(name, text)}
    assert made.settings_of(made.mounts[0]) == Settings(**made.settings) != Settings()


def test_the_help_tells_every_option_and_its_default():
    words = " ".join(str(Options()).split())
    for name in ("listen", "mount", "app", "prefix", "static", "config"):
        assert f"--{name}" in words
    for field in dataclasses.fields(Settings):
        assert f"--{field.name.replace('_', '-')}=" in words
    for default in ("25.0", "131072", "none", "on", "off", "*", DEFAULT_LISTEN):
        assert f"[default: {default}]" in words


def test_the_command_line_wins_over_the_file_and_adds_to_its_mounts(tmp_path):
    file = tmp_path / "sockjs.toml"
    file.write_text(
        f"""
        listen = "tcp:1"
        static = "files"
        settings = {{ heartbeat_delay = 1, ping_timeout = 2 }}
        mount = [{{ prefix = "/a", app = "{CHAT}", settings = {{ heartbeat_delay = 3 }} }}]
        """
    )
    config = ("--config", str(file))
    made = plan(*config)
    assert (made.listen, made.static) == (["tcp:1"], str(tmp_path / "files"))
    made = plan(
        *config,
        *("--listen", "tcp:2", "--static", "/other", "--heartbeat-delay", "4"),
        *("--mount", f"/b={CHAT}"),
    )
    assert (made.listen, made.static) == (["tcp:2"], "/other")
    assert [mount.prefix for mount in made.mounts] == ["/a", "/b"]
    for mount in made.mounts:
        settings = made.settings_of(mount)
        assert (settings.heartbeat_delay, settings.ping_timeout) == (4.0, 2.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nonsense"], "option --nonsense not recognized"),
        (["stray"], "unexpected 'stray'; an application is named with --app"),
        (["--heartbeat-delay", "-1"], "heartbeat_delay must be > 0 seconds, not -1"),
        (["--heartbeat-delay", "soon"], "heartbeat_delay must be > 0 seconds, not 'soon'"),
        (
            ["--open-rate-per-ip", "10 a second"],
            "open_rate_per_ip must be a rate such as 10/s, 60/min or 500/h, or none, not '10 a s",
        ),
        (
            ["--message-rate", "0/s"],
            "message_rate must be a rate such as 10/s, 60/min or 500/h, or none, not '0/s'",
        ),
        (
            ["--max-sessions-per-ip", "0"],
            "max_sessions_per_ip must be a whole number > 0, or none, not 0",
        ),
        (["--verify-ip", "2"], "verify_ip must be on or off, not '2'"),
        (["--mount", "/chat"], "a mount must be PREFIX=dotted.Name, not '/chat'"),
        (["--mount", "/chat=no_such.Name"], "cannot import 'no_such.Name': "),
        (["--app", "no_such.Name"], "cannot import 'no_such.Name': "),
        (["--app", CHAT, "--prefix", "x"], "a prefix must be / or a path such as /chat, not 'x'"),
        (["--prefix", "/x"], "--prefix says where to serve an --app, and there is none"),
        (
            ["--app", "endpoint:tcp:a:1", "--fallback-encoding", "ignore"],
            "fallback_encoding must be a text encoding such as latin-1, replace or none, not 'ign",
        ),
        (
            ["--app", CHAT, "--fallback-encoding", "replace"],
            "--fallback-encoding is for an endpoint: or a URL, and there is none",
        ),
        (["--static", "."], "--static serves files beside an application, and there is none"),
        (["--config", "/no/such.toml"], "cannot read /no/such.toml: No such file or directory"),
    ],
)
def test_wrong_options_are_usage_errors_in_one_line(arguments, words):
    message = refusal(*arguments)
    assert message.startswith(words)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("arguments", "guess"),
    [
        (["--heartbeat_delay", "3"], ", did you mean --heartbeat-delay?"),
        (["--hartbeat-delay=3"], ", did you mean --heartbeat-delay?"),
        (["--lisen", "tcp:1"], ", did you mean --listen?"),
        (["--heartbeat-delay", "3", "--mounts", "x"], ", did you mean --mount?"),
        (["--pre", "/x"], ""),  # a unique prefix is taken
        (["--nonsense"], "option --nonsense not recognized"),
        (["-x"], "option -x not recognized"),
        (["--listen"], "option --listen requires argument"),
        (["--help=3"], "option --help must not have an argument"),
    ],
)
def test_an_option_that_was_mistyped_is_guessed(arguments, guess):
    message = refusal(*arguments)
    assert message.endswith(guess)
    assert ("did you mean" in message) == ("did you mean" in guess)


def test_what_is_the_beginning_of_several_options_is_told_with_them():
    words, _, guess = refusal("--max", "1").partition(", did you mean ")
    assert words == "option --max not a unique prefix"
    assert {"--max-message-size", "--max-body-size"} <= set(guess.rstrip("?").split(" or "))


def test_under_a_runner_a_mistyped_option_ends_the_process_with_the_guess():
    options = Options()
    options.parent = object()
    with pytest.raises(SystemExit) as caught:
        options.parseOptions(["--lisen", "tcp:1"])
    assert caught.value.code == "sockjs: option --lisen not recognized, did you mean --listen?"


def test_the_version_is_ours_and_twisteds(capsys):
    with pytest.raises(SystemExit) as caught:
        plan("--version")
    assert not caught.value.code
    ours, twisteds = capsys.readouterr().out.splitlines()
    assert ours == f"txsockjs version: {txsockjs.__version__}"
    assert twisteds.startswith("Twisted version: ")


def test_under_a_runner_a_wrong_option_ends_the_process_with_its_line():
    options = Options()
    options.parent = object()
    with pytest.raises(SystemExit) as caught:
        options.parseOptions(["--heartbeat-delay", "0"])
    assert caught.value.code == "sockjs: heartbeat_delay must be > 0 seconds, not 0"


def test_the_cluster_of_the_command_line_wins(tmp_path):
    path = tmp_path / "sockjs.toml"
    path.write_text('cluster = "redis://one"\ncluster_secret = "x"')
    made = plan("--config", str(path), "--cluster", "redis://two")
    assert (made.cluster, made.cluster_secret) == ("redis://two", "x")
    assert plan("--cluster", "redis://h", "--cluster-secret", "y").cluster_secret == "y"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--cluster", "localhost"], r"must be redis://.* not 'localhost'"),
        (["--cluster", ""], r"must be redis://"),
        (["--cluster-secret", "x"], "there is none"),
        (["--cluster", "redis://h", "--cluster-secret", ""], "must not be empty"),
    ],
)
def test_a_wrong_cluster_is_refused(words, why):
    with pytest.raises(UsageError, match=why):
        plan(*words)


def test_where_logs_go_and_how_they_are_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = plan("--access-log", "access.log", "--log-format", "json")
    assert (made.access_log, made.log_format) == (str(tmp_path / "access.log"), "json")
    (tmp_path / "a.toml").write_text('access_log = "a.log"\nlog_format = "json"')
    made = plan("--config", "a.toml", "--access-log", "-", "--log-format", "text")
    assert (made.access_log, made.log_format) == ("-", "text")
    assert (plan().access_log, plan().log_format) == (None, None)
    assert refusal("--log-format", "xml") == "log_format must be text or json, not 'xml'"


def test_the_admin_site_of_the_command_line_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text(
        'admin = "tcp:1"\nadmin_token = "token"\nadmin_names = ["a.example"]'
    )
    made = plan("--config", "a.toml")
    assert (made.admin, made.admin_token) == ("tcp:1", str(tmp_path / "token"))
    assert made.admin_names == ["a.example"]
    made = plan(
        *("--config", "a.toml", "--admin", "tcp:2", "--admin-token", "other"),
        *("--admin-name", "b.example", "--admin-name", "c.example"),
    )
    assert (made.admin, made.admin_token) == ("tcp:2", str(tmp_path / "other"))
    assert made.admin_names == ["b.example", "c.example"]


def test_a_token_is_read_when_the_site_is_made(tmp_path):
    path = tmp_path / "token"
    made = plan("--admin", "tcp:1", "--admin-token", str(path))
    with pytest.raises(SettingsError, match="cannot read the admin token"):
        made.read_admin_token()
    path.write_text("a-token-of-the-tests\n")
    assert made.read_admin_token() == "a-token-of-the-tests"
    assert plan("--admin", "tcp:1").read_admin_token() is None


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ["--admin-token", "file"],
            "an admin token or name is for an admin site, and there is none",
        ),
        (["--admin-name", "a"], "an admin token or name is for an admin site, and there is none"),
        (
            ["--admin", "tcp:1", "--admin-name", "https://a"],
            "an admin name must be a host name without a port, not 'https://a'",
        ),
    ],
)
def test_a_wrong_admin_site_is_refused(words, why):
    assert refusal(*words).endswith(why)
