"""Run nginx and haproxy with the configurations that the documentation shows.

Each listens on a socket that is made here and handed down, so that its port is free for sure and
connections wait, instead of failing, until it has started.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .needed import program
from .running import ROOT

EXAMPLES = Path(ROOT) / "examples"

# What stands around the example in the distribution's own nginx.conf. Everything that nginx
# writes goes into the folder of the test.
NGINX = """
daemon off;
{user}
worker_processes 1;
pid nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include sockjs.conf;
}}
"""


def replaced(text: str, line: str, lines: Sequence[str]) -> str:
    """Put other lines where the example has this one."""
    before, after = re.split(rf"^ *{re.escape(line)}$", text, flags=re.MULTILINE)
    return before + "\n".join(lines) + after


@contextmanager
def nginx(folder: Path, ports: Sequence[int], sticky: bool = True) -> Iterator[str]:
    """Run nginx before servers on these ports; gives its URL.

    Without ``sticky`` each request goes to the next server, on a connection of its own.
    """
    path = program("nginx")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        text = (EXAMPLES / "nginx.conf").read_text()
        text = replaced(text, "listen 80;", [f"listen 127.0.0.1:{port};"])
        if not sticky:
            text = replaced(text, "hash $sockjs_session consistent;", [])
            text = replaced(text, "keepalive 32;", [])
        servers = [f"server 127.0.0.1:{port};" for port in ports]
        text = replaced(text, "server 127.0.0.1:8080;", servers)
        (folder / "sockjs.conf").write_text(text)
        # Started by root, its worker would be a user who may not enter this folder.
        user = "user root root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(NGINX.format(user=user))
        # This is how nginx hands its sockets to a newer one that replaces it.
        environment = dict(os.environ, NGINX=f"{listening.fileno()};")
        command = [path, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
        process = start(command, listening, folder, environment)
    with stopping(process):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def haproxy(folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """Run haproxy before servers on these ports; gives its URL."""
    text = (EXAMPLES / "haproxy.cfg").read_text()
    servers = [f"server s{port} 127.0.0.1:{port}" for port in ports]
    with running_haproxy(folder, replaced(text, "server sockjs1 127.0.0.1:8080", servers)) as url:
        yield url


@contextmanager
def haproxy_by_cookie(folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """Run haproxy with the backend that the page about deployment shows; gives its URL."""
    page = Path(ROOT, "docs", "deployment.md").read_text("utf-8")
    (backend,) = re.findall(r"^```haproxy\n(backend .*?)^```$", page, re.MULTILINE | re.DOTALL)
    for shown, port in zip((8081, 8082), ports):
        assert f"127.0.0.1:{shown} " in backend
        backend = backend.replace(f":{shown} ", f":{port} ")
    text = (EXAMPLES / "haproxy.cfg").read_text()
    before, _, _ = text.partition("\nbackend sockjs\n")
    with running_haproxy(folder, f"{before}\n{backend}") as url:
        yield url


@contextmanager
def running_haproxy(folder: Path, text: str) -> Iterator[str]:
    """Run haproxy with a configuration that binds to port 80, on another port."""
    path = program("haproxy")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        text = replaced(text, "bind :80", [f"bind fd@{listening.fileno()}"])
        (folder / "haproxy.cfg").write_text(text)
        command = [path, "-db", "-f", str(folder / "haproxy.cfg")]
        process = start(command, listening, folder, dict(os.environ))
    with stopping(process):
        yield f"http://127.0.0.1:{port}"


def start(
    command: Sequence[str], listening: socket.socket, folder: Path, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Start a proxy in the foreground, with the socket that it listens on."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        pass_fds=[listening.fileno()],
        stdin=subprocess.DEVNULL,
    )


@contextmanager
def stopping(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the process after the block; it must still be there then."""
    try:
        yield
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


PROXIES = {"nginx": nginx, "haproxy": haproxy}
