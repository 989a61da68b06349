"""Run proxies with the configurations that the documentation shows.

nginx and haproxy listen on a socket that is made here and handed down, so that its port is free for
sure and connections wait, instead of failing, until it has started. Caddy and Apache can't.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .kept_port import kept_port
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
    text = (EXAMPLES / "nginx.conf").read_text()
    if not sticky:
        text = replaced(text, "hash $sockjs_session consistent;", [])
        text = replaced(text, "keepalive 32;", [])
    servers = [f"server 127.0.0.1:{port};" for port in ports]
    text = replaced(text, "server 127.0.0.1:8080;", servers)
    with running_nginx(folder, text) as url:
        yield url


@contextmanager
def nginx_of_admin(folder: Path, port: int) -> Iterator[str]:
    """Run nginx before an admin site on this port, by its name but without TLS; gives its URL."""
    text = (EXAMPLES / "nginx-admin.conf").read_text()
    text = re.sub(r"ssl_certificate.*", "", text.replace("listen 443 ssl;", "listen 80;"))
    proxied = [f"proxy_pass http://127.0.0.1:{port};"]
    with running_nginx(folder, replaced(text, "proxy_pass http://127.0.0.1:8081;", proxied)) as url:
        yield url


@contextmanager
def running_nginx(folder: Path, text: str) -> Iterator[str]:
    """Run nginx with a configuration that listens on port 80, on another port."""
    path = program("nginx")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        text = replaced(text, "listen 80;", [f"listen 127.0.0.1:{port};"])
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


# What stands around the example in the distribution's own apache2.conf.
APACHE = """
ServerRoot {folder}
ServerName localhost
PidFile apache.pid
DefaultRuntimeDir {folder}
ErrorLog error.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
LoadModule headers_module {modules}/mod_headers.so
Include sockjs.conf
"""
APACHE_MODULES = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules")


@contextmanager
def apache(folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """Run Apache before a server on this port; gives its URL."""
    path = program("apache2", "httpd")
    (server,) = ports
    with kept_port() as port:
        text = (EXAMPLES / "apache.conf").read_text()
        assert "<VirtualHost *:80>" in text and "http://127.0.0.1:8080/" in text
        text = text.replace("*:80>", f"127.0.0.1:{port}>").replace(":8080/", f":{server}/")
        (folder / "sockjs.conf").write_text(text)
        modules = next(each for each in APACHE_MODULES if os.path.isdir(each))
        around = APACHE.format(folder=folder, port=port, modules=modules)
        (folder / "apache.conf").write_text(around)
        command = [path, "-DFOREGROUND", "-f", str(folder / "apache.conf")]
        process = start(command, None, folder, dict(os.environ))
        with stopping(process):
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}"


@contextmanager
def caddy(folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """Run Caddy before a server on this port; gives its URL."""
    path = program("caddy")
    (server,) = ports
    with kept_port() as port:
        text = (EXAMPLES / "Caddyfile").read_text()
        text = replaced(text, "chat.example.com {", [f"http://127.0.0.1:{port} {{"])
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{server}")
        (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + text)
        command = [path, "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
        environment = dict(os.environ, HOME=str(folder), XDG_DATA_HOME=str(folder))
        process = start(command, None, folder, environment)
        with stopping(process):
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}"


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens on a port, while the process that is to do it runs."""
    while True:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return


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
    command: Sequence[str],
    listening: socket.socket | None,
    folder: Path,
    environment: dict[str, str],
) -> subprocess.Popen[bytes]:
    """Start a proxy in the foreground, with the socket that it listens on if there is one."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        pass_fds=[] if listening is None else [listening.fileno()],
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


# Those that send all requests of a session to the same server, and those for one server, or nodes.
BALANCERS = {"nginx": nginx, "haproxy": haproxy}
PROXIES = {**BALANCERS, "caddy": caddy, "apache": apache}
