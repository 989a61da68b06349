"""The ``sockjs`` command of a real twistd, as its own process: what it serves and how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
from contextlib import ExitStack, closing

import pytest

from ..support.frames import frame
from ..support.peer import request, together
from ..support.raw import PATIENCE, asked, get, post, read_chunk, read_frame, read_head, upgrade
from ..support.running import ROOT, running
from ..support.waiting import wait_until

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
LISTEN = ("--listen", "tcp:0:interface=127.0.0.1")

APP = """
from txsockjs import SockJSConnection


class App(SockJSConnection):
    def on_message(self, message):
        self.send(message)

    def on_close(self):
        print("closed with", self.close_reason)


class Slow(App):
    async def on_message(self, message):
        from twisted.internet import reactor, task

        await task.deferLater(reactor, 0.02, print, "handled", message)


class Garbage(App):
    def on_open(self, info):
        import gc

        self.send(repr((*gc.get_threshold(), gc.get_freeze_count() > 0)))
"""


def run(*arguments, cwd, options=("-n", "--pidfile=")):
    """Run twistd to its end."""
    return subprocess.run(
        [TWISTD, *options, *arguments],
        cwd=cwd,
        env=dict(os.environ, PYTHONPATH=ROOT),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def serve(*arguments, cwd):
    """Run ``twistd sockjs`` as a server, with an application in its directory."""
    (cwd / "some_app.py").write_text(APP)
    return running(TWISTD, "-n", "--pidfile=", "sockjs", *LISTEN, *arguments, cwd=str(cwd))


IDLE = "GET /app HTTP/1.1\nHost: a\n\n"
STREAM = "POST /app/0/stream/xhr_streaming HTTP/1.1\nHost: a\nContent-Length: 0\n\n"

# -- help


def test_twistd_lists_the_command(tmp_path):
    told = run("--help", cwd=tmp_path, options=())
    assert told.returncode == 0
    assert re.search(r"^ +sockjs +A SockJS server\.$", told.stdout, re.MULTILINE)


def test_the_command_tells_its_options(tmp_path):
    told = run("sockjs", "--help", cwd=tmp_path, options=())
    assert told.returncode == 0
    for option in ("--listen=", "--mount=", "--static=", "--config=", "--heartbeat-delay="):
        assert option in told.stdout
    assert told.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("--app", "some_app.App"), "/"),
        (("--app", "some_app.App", "--prefix", "/app", "--static", "."), "/some_app.py"),
        ((), "/"),  # the demo
    ],
)
def test_a_server_starts_where_warnings_are_errors(tmp_path, arguments, path):
    (tmp_path / "some_app.py").write_text(APP)
    strict = ("-X", "dev", "-W", "error", TWISTD, "-n", "--pidfile=")
    with running(*strict, "sockjs", *LISTEN, *arguments, cwd=str(tmp_path)) as server:
        assert get(server.url + path) != b""
    assert "Warning" not in server.output


@pytest.mark.parametrize(
    "arguments",
    [
        (),  # the demo
        ("--app", "some_app.App", "--prefix", "/app"),
        ("--app", "some_app.App", "--prefix", "/app", "--static", "."),
    ],
)
def test_the_script_for_pages_is_served(tmp_path, arguments):
    with serve(*arguments, cwd=tmp_path) as server:
        assert b"ReconnectingSockJS" in get(server.url + "/txsockjs.js")


def test_a_static_file_of_its_name_is_served_instead_of_the_script(tmp_path):
    (tmp_path / "txsockjs.js").write_text("// mine")
    command = ("--app", "some_app.App", "--prefix", "/app", "--static", ".")
    with serve(*command, cwd=tmp_path) as server:
        assert get(server.url + "/txsockjs.js") == b"// mine"


def test_a_mount_at_the_root_has_every_path(tmp_path):
    server_of_all = serve("--app", "some_app.App", cwd=tmp_path)
    with server_of_all as server, pytest.raises(urllib.error.HTTPError, match="404"):
        get(server.url + "/txsockjs.js")


def test_the_demo_is_read_only_to_be_shown(tmp_path):
    (tmp_path / "some_app.py").write_text(APP)
    program = (
        "import sys; from txsockjs.cli.process import Options, makeService; options = Options(); "
        "options.parseOptions(['--app', 'some_app.App']); makeService(options); "
        "sys.exit('txsockjs.cli.demo' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False).returncode == 0
    )


# -- errors


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--nonsense"], "sockjs: option --nonsense not recognized"),
        (["--heartbeat-delay", "-1"], "sockjs: heartbeat_delay must be > 0 seconds, not -1"),
        (["--listen", "tpc:80"], "sockjs: cannot listen on 'tpc:80': Unknown endpoint type: 'tpc'"),
        (["--app", "nothing"], "sockjs: cannot import 'nothing': No module named 'nothing'"),
        (
            ["--app", "broken.App"],
            "sockjs: cannot import 'broken.App': RuntimeError: no (broken.py, line 1)",
        ),
        (
            ["--mount", "/a=txsockjs.SockJSConnection", "--static", "none"],
            "sockjs: static must be a directory, not '{cwd}/none'",
        ),
        (
            ["--mount", "/a=endpoint:tpc:80"],
            "sockjs: cannot bridge to 'tpc:80': Unknown endpoint type: 'tpc'",
        ),
        (["--config", "none.toml"], "sockjs: cannot read none.toml: No such file or directory"),
        (
            ["--config", "wrong.toml"],
            "sockjs: wrong.toml: unknown name 'lisden', did you mean listen?",
        ),
        (
            ["--app", "txsockjs.SockJSConnection", "--prefix", "/a%b"],
            "sockjs: a prefix must be / or a path such as /chat, not '/a%b'",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_an_exit_code(tmp_path, arguments, line):
    (tmp_path / "broken.py").write_text("raise RuntimeError('no')")
    (tmp_path / "wrong.toml").write_text("lisden = 1")
    ended = run("sockjs", *arguments, cwd=tmp_path)
    assert ended.stderr == line.format(cwd=tmp_path) + "\n"
    assert ended.stdout == ""
    assert ended.returncode == 1


def test_a_port_in_use_is_one_line_and_an_exit_code(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        endpoint = f"tcp:{port}:interface=127.0.0.1"
        ended = run(
            *("sockjs", "--listen", endpoint), cwd=tmp_path, options=("-n", "--pidfile=pid")
        )
    line = f"cannot listen on {endpoint}: Address already in use\n"
    assert ended.stderr == line
    assert ended.returncode == 1
    assert ended.stdout.count(line) == 1  # in the log
    assert "Traceback" not in ended.stdout
    assert not (tmp_path / "pid").exists()


def test_a_daemon_that_cannot_start_tells_why(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        ended = run(
            "sockjs", "--listen", f"tcp:{port}:interface=127.0.0.1", cwd=tmp_path, options=()
        )
    assert ended.returncode == 1
    assert f"cannot listen on tcp:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr
    log = (tmp_path / "twistd.log").read_text()
    assert f"cannot listen on tcp:{port}:interface=127.0.0.1: Address already in use" in log
    assert "Traceback" not in log
    # The parent tells what happened while the child still clears up.
    deadline = time.monotonic() + PATIENCE
    while (tmp_path / "twistd.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not (tmp_path / "twistd.pid").exists()


# -- serving


def test_without_a_mount_it_serves_the_demo(tmp_path):
    with serve(cwd=tmp_path) as server:
        page = get(server.url + "/").decode()
        assert "<title>SockJS on Twisted</title>" in page
        assert 'src="https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js"' in page
        for path in ("/chat", "/echo", "/stats"):
            assert get(server.url + path) == b"Welcome to SockJS!\n"


def test_it_serves_an_application_of_the_current_directory(tmp_path):
    # Or the server would wait for the client to come back for its close frame.
    hurry = ("--disconnect-delay", "2")
    with serve("--app", "some_app.App", "--prefix", "/app", *hurry, cwd=tmp_path) as server:
        assert get(server.url + "/app/") == b"Welcome to SockJS!\n"
        poll = request("POST", "/app/0/one/xhr")
        send = request("POST", "/app/0/one/xhr_send", body='["hello"]')
        answers = together(server.port, poll, send, poll)
        assert [answer.body for answer in answers] == [b"o\n", b"", b'a["hello"]\n']
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(server.url + "/other")


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="others do not count references")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_seldom_looks_for_garbage(tmp_path, workers):
    app = ("--app", "some_app.Garbage", "--prefix", "/app", "--workers", workers)
    with serve(*app, "--disconnect-delay", "1", cwd=tmp_path) as server:
        poll = request("POST", "/app/0/one/xhr")
        opened, told = together(server.port, poll, poll)
        assert opened.body == b"o\n"
        assert told.body == b'a["(5000, 5, 20, True)"]\n'


def test_a_configuration_file_says_what_to_serve(tmp_path):
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "index.html").write_text("a page")
    (tmp_path / "sockjs.toml").write_text(
        """
        listen = ["tcp:0:interface=127.0.0.1", "unix:sockjs.sock"]
        static = "public"
        settings = { jsessionid = true }

        [[mount]]
        prefix = "/one"
        app = "some_app.App"

        [[mount]]
        prefix = "/two/deep"
        app = "some_app.App"
        settings = { disabled_transports = ["websocket"], jsessionid = false }
        """
    )
    (tmp_path / "some_app.py").write_text(APP)
    command = (TWISTD, "-n", "--pidfile=", "sockjs", "--config", "sockjs.toml")
    with running(*command, cwd=str(tmp_path)) as server:
        one, two = (get(f"{server.url}{path}/info") for path in ("/one", "/two/deep"))
        assert b'"websocket":true' in one and b'"cookie_needed":true' in one
        assert b'"websocket":false' in two and b'"cookie_needed":false' in two
        assert get(server.url + "/") == b"a page"
        wait_until(lambda: "listening on unix:sockjs.sock" in server.output, server)
        assert (tmp_path / "sockjs.sock").exists()
    assert not (tmp_path / "sockjs.sock").exists()


def test_the_reactor_is_chosen_as_with_any_twistd_command(tmp_path):
    command = (TWISTD, "-n", "--pidfile=", "--reactor=poll", "sockjs", *LISTEN)
    with running(*command, cwd=str(tmp_path)) as server:
        assert "PollReactor" in server.output.replace("EPollReactor", "")
        assert get(server.url + "/echo") == b"Welcome to SockJS!\n"


def test_a_body_over_the_limit_is_refused(tmp_path):
    arguments = ("--app", "some_app.App", "--max-message-size", "1000", "--max-body-size", "1000")
    with serve(*arguments, cwd=tmp_path) as server:
        head = f"POST /0/0/xhr_send HTTP/1.1\nHost: a\nContent-Length: {10**9}\n\n"
        with asked(server.port, head) as (_, file):
            assert file.readline() == b"HTTP/1.1 413 Request Entity Too Large\r\n"
            assert file.read().endswith(b"\r\n\r\nRequest body is too large.")


# -- ending


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_every_session_in_order_and_the_process_with_0(tmp_path, number):
    with serve("--app", "some_app.App", "--prefix", "/app", cwd=tmp_path) as server:
        poll = server.url + "/app/0/poll/xhr"
        with ExitStack() as stack:
            _, stream = stack.enter_context(asked(server.port, STREAM))
            send, websocket = stack.enter_context(
                asked(server.port, upgrade("/app/0/socket/websocket"))
            )
            _, idle = stack.enter_context(asked(server.port, IDLE))
            assert b" 200 " in read_head(stream)
            assert read_chunk(stream) == b"h" * 2048 + b"\n"
            assert read_chunk(stream) == b"o\n"
            assert b" 101 " in read_head(websocket)
            assert read_frame(websocket) == (1, b"o")
            assert post(poll) == b"o\n"
            assert b" 200 " in read_head(idle)

            server.process.send_signal(number)

            assert read_chunk(stream) == b'c[1012,"Service restart"]\n'
            # Between two polls there is no connection: the client comes once more.
            assert post(poll) == b'c[1012,"Service restart"]\n'
            with pytest.raises(urllib.error.HTTPError, match="503"):
                post(server.url + "/app/0/new/xhr")
            assert read_chunk(stream) == b""
            assert read_frame(websocket) == (1, b'c[1012,"Service restart"]')
            assert read_frame(websocket) == (8, b"\x03\xe8")
            send(frame(8, b"\x03\xe8"))
            assert idle.read().endswith(b"Welcome to SockJS!\n")
        assert server.process.wait(PATIENCE) == 0
        server.stop()
        assert f"received {number.name}, shutting down" in server.output
        assert server.output.count("closed with (1012, 'Service restart')") == 3
        assert "Traceback" not in server.output


def test_sigterm_lets_the_application_handle_what_was_acknowledged(tmp_path):
    messages = [f"number {n}" for n in range(40)]
    options = ("--disconnect-delay", "0.1")
    with serve("--app", "some_app.Slow", "--prefix", "/app", *options, cwd=tmp_path) as server:
        with asked(server.port, upgrade("/app/0/socket/websocket")) as (send, websocket):
            read_head(websocket)
            assert read_frame(websocket) == (1, b"o")
            poll = request("POST", "/app/0/poll/xhr")
            send_all = request("POST", "/app/0/poll/xhr_send", body=json.dumps(messages))
            assert [a.status for a in together(server.port, poll, send_all)] == [200, 204]
            send(frame(1, b'["of the websocket"]'))
            send(frame(9, b""))
            assert read_frame(websocket)[0] == 10  # so the message was read, too
            server.process.terminate()
            assert read_frame(websocket) == (1, b'c[1012,"Service restart"]')
        assert server.process.wait(PATIENCE) == 0  # a second signal could come too late
    handled = re.findall(r"(?:handled|closed) (.*)$", server.output, re.MULTILINE)
    assert [line for line in handled if "number" in line] == messages
    assert "of the websocket" in handled
    assert len([line for line in handled if line.startswith("with")]) == 2
    assert handled[-1].startswith("with")
    assert "drops" not in server.output


def test_sigterm_ends_an_idle_server_with_0(tmp_path):
    with serve(cwd=tmp_path) as server:
        assert server.stop() == 0
        assert "Traceback" not in server.output


def test_a_hangup_ends_nothing_under_nohup(tmp_path):
    (tmp_path / "nohup.py").write_text(
        "import signal\n"
        "from twisted.scripts.twistd import run\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "run()\n"
    )
    command = (str(tmp_path / "nohup.py"), "-n", "--pidfile=", "sockjs", *LISTEN)
    with running(*command, cwd=str(tmp_path)) as server:
        server.process.send_signal(signal.SIGHUP)
        assert get(server.url + "/echo") == b"Welcome to SockJS!\n"
        assert server.stop() == 0
