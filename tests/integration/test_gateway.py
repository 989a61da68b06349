"""The gateway through twistd: sessions bridged to a server that listens."""

from __future__ import annotations

import os
import socket
import sysconfig
import threading
from contextlib import closing, contextmanager
from typing import Any

from ..support.frames import frame
from ..support.kept_port import kept_port
from ..support.raw import PATIENCE, asked, post, read_frame, read_head, upgrade
from ..support.running import Server, running

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
LISTEN = ("--listen", "tcp:0:interface=127.0.0.1")


@contextmanager
def upstream_server(serve: Any) -> Any:
    """Accept one connection and let ``serve`` have it, in a thread; the block gets the port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(PATIENCE)

        def accept() -> None:
            connection, _ = listener.accept()
            connection.settimeout(PATIENCE)
            with connection:
                serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def greet(connection: Any) -> None:
    """Send back what comes until a ``quit``."""
    while not (data := connection.recv(1000)).startswith(b"quit"):
        connection.sendall(b"<" + data + b">")


def test_twistd_bridges_to_an_endpoint(tmp_path: Any) -> None:
    with upstream_server(greet) as port:
        mount = f"/raw=endpoint:tcp:127.0.0.1:{port}:timeout=30"
        command = (TWISTD, "-n", "--pidfile=", "sockjs", *LISTEN, "--mount", mount)
        with running(*command, cwd=str(tmp_path)) as server:
            converse(server.port)


def converse(port: int) -> None:
    with asked(port, upgrade("/raw/0/a/websocket")) as (send, answer):
        read_head(answer)
        assert read_frame(answer) == (1, b"o")
        send(frame(1, '["grüße"]'.encode()))
        assert read_frame(answer) == (1, 'a["<grüße>"]'.encode())
        send(frame(1, b'["quit"]'))
        assert read_frame(answer) == (1, b'c[3000,"Upstream closed the connection"]')


def test_a_file_says_how_to_bridge_and_a_port_without_a_server_is_told(tmp_path: Any) -> None:
    with kept_port() as port:
        (tmp_path / "sockjs.toml").write_text(
            f"""
            [[mount]]
            prefix = "/irc"
            app = "endpoint:tcp:127.0.0.1:{port}"
            connect_timeout = 30
            fallback_encoding = "latin-1"
            """
        )
        command = (TWISTD, "-n", "--pidfile=", "sockjs", *LISTEN, "--config", "sockjs.toml")
        with running(*command, cwd=str(tmp_path)) as server:
            told_of_no_upstream(server, "/irc", "to tcp:127.0.0.1:")


def told_of_no_upstream(server: Server, mount: str, why: str) -> None:
    """Poll once a session there can't be bridged; the log says why."""
    poll = f"{server.url}{mount}/0/a/xhr"
    assert post(poll) == b"o\n"
    assert post(poll) == b'c[1014,"Cannot connect upstream"]\n'
    server.stop()
    assert why in server.output
    assert "Traceback" not in server.output
