"""What the examples have for whoever runs a server: each file is read by the program it is for."""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from txsockjs.cli.options import Options

from ..support.docs import Reader, found
from ..support.needed import program
from ..support.raw import PATIENCE, get
from ..support.running import ROOT, Server, ended, running

EXAMPLES = Path(ROOT, "examples")
TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
# What `stopService` gets for what clients have sent, and for their connections.
STOPPING = 12


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    return Reader(tmp_path, monkeypatch)


# -- systemd


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((EXAMPLES / name).read_text("utf-8"))
    return parser


def command() -> list[str]:
    """Give what the unit starts, from the word ``sockjs`` on."""
    path, *words = shlex.split(unit("chat.service")["Service"]["ExecStart"])
    assert os.path.basename(path) == "twistd"
    assert words[:3] == ["-n", "--pidfile=", "sockjs"]
    return words[2:]


def test_the_unit_leaves_enough_time_and_descriptors(reader: Reader) -> None:
    reader.read("howto/systemd.md")
    service = unit("chat.service")["Service"]
    for plan in reader.plans:
        assert int(service["TimeoutStopSec"]) > plan.drain + STOPPING
        (mount,) = plan.mounts
        limit = plan.settings_of(mount).max_sessions
        assert limit is None or int(service["LimitNOFILE"]) > limit


def test_the_units_command_serves_a_socket_that_systemd_opened(reader: Reader) -> None:
    reader.read("howto/systemd.md")
    # The last file of the page is the one for a socket.
    (reader.folder / "page.toml").rename(reader.folder / "chat.toml")
    activated = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="chat.socket")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(unit("chat.service")["Service"]["NonBlocking"] != "yes")
        number = listening.fileno()
        words = ["-c", activated, str(number), TWISTD, "-n", "--pidfile=", *command()]
        with running(*words, cwd=str(reader.folder), pass_fds=[number]) as server:
            assert server.port == listening.getsockname()[1]
            assert get(f"{server.url}/chat") == b"Welcome to SockJS!\n"


def test_systemd_reads_the_units(tmp_path: Path) -> None:
    verify = program("systemd-analyze")
    for path in EXAMPLES.glob("chat.s*"):
        # It looks for the program, and for users' own units.
        text = path.read_text("utf-8").replace("/srv/chat/venv/bin/twistd", sys.executable)
        (tmp_path / path.name).write_text(text, "utf-8")
    units = sorted(str(path) for path in tmp_path.iterdir())
    assert len(units) == 2
    done = subprocess.run([verify, "verify", *units], capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert (done.returncode, told) == (0, [])


# -- containers


def instructions(name: str) -> list[str]:
    """Give what a Dockerfile says under this word, last stage included."""
    text = (EXAMPLES / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    return re.findall(rf"^ *{name} +(.*)$", text, re.MULTILINE)


def test_the_image_is_small_and_runs_as_nobody() -> None:
    assert [line.split()[0].rpartition("-")[2] for line in instructions("FROM")] == ["slim"] * 2
    assert all(" --no-cache-dir " in line for line in instructions("RUN"))
    (user,) = instructions("USER")
    assert int(user.split(":")[0]) > 0


def test_the_dockerfile_is_in_order() -> None:
    hadolint = shutil.which("hadolint", path=sysconfig.get_path("scripts"))
    if hadolint is None:
        pytest.skip("hadolint has no wheel for this system")
    subprocess.run([hadolint, EXAMPLES / "Dockerfile"], check=True)


@contextlib.contextmanager
def serving(folder: Path, words: list[str], plan: str) -> Iterator[tuple[Server, str]]:
    """Run a command with its file, on ports of the system's choice; gives the admin's URL, too."""
    assert words[:4] == ["twistd", "-n", "--pidfile=", "sockjs"]
    ports = re.sub(r'"tcp:\d+"', '"tcp:0:interface=127.0.0.1"', plan)
    (folder / "chat.toml").write_text(ports, "utf-8")
    with running(TWISTD, *words[1:], cwd=str(folder)) as server:
        yield server, admin_of(server)


def admin_of(server: Server) -> str:
    """Wait for the line that says where the admin site is."""
    end = time.monotonic() + PATIENCE
    while not (told := re.search(r"admin at (http://[\d.]+:\d+)", server.output)):
        assert time.monotonic() < end, server.output
        time.sleep(0.02)
    return told[1]


def test_the_image_serves_and_its_health_is_seen(reader: Reader) -> None:
    reader.read("howto/containers.md")
    (plan,) = reader.plans
    assert instructions("EXPOSE") == [" ".join(each[4:] for each in (*plan.listen, plan.admin))]
    words = json.loads(instructions("CMD")[-1])
    check = json.loads(instructions("HEALTHCHECK")[0].partition("CMD ")[2])
    assert words[-2:] == ["--config", "chat.toml"]
    text = (reader.folder / "chat.toml").read_text("utf-8")
    with serving(reader.folder, words, text) as (server, admin):
        assert get(f"{server.url}/chat") == b"Welcome to SockJS!\n"
        port = plan.admin[4:]
        health = [part.replace(port, admin.rpartition(":")[2]) for part in check[1:]]
        assert health != check[1:]
        assert ended(reader.folder, *health).returncode == 0
    # Nobody answers any more.
    assert ended(reader.folder, *health).returncode == 1


def manifest() -> dict[str, Any]:
    with open(EXAMPLES / "kubernetes.yaml", encoding="utf-8") as file:
        return {each["kind"]: each for each in yaml.safe_load_all(file)}


def test_the_manifest_goes_with_the_options(reader: Reader) -> None:
    kinds = manifest()
    text = kinds["ConfigMap"]["data"]["chat.toml"]
    (reader.folder / "chat.toml").write_text(text, "utf-8")
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    options = Options()
    options.parseOptions(
        ["chat.toml" if word.endswith(".toml") else word for word in container["args"][4:]]
    )
    plan = options.plan
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert plan.listen == [f"tcp:{ports['http']}"]
    assert plan.admin == f"tcp:{ports['admin']}"
    assert pod["terminationGracePeriodSeconds"] > plan.drain + STOPPING
    # Whatever is sticky would be for nothing: any node takes any request.
    assert plan.cluster is not None
    assert "sessionAffinity" not in kinds["Service"]["spec"]
    assert kinds["Deployment"]["spec"]["replicas"] > 1
    (port,) = kinds["Service"]["spec"]["ports"]
    assert port["targetPort"] in ports
    labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert kinds["Service"]["spec"]["selector"] == labels


def test_what_the_manifest_names_is_mounted_and_given() -> None:
    kinds = manifest()
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    sources = {volume["name"]: volume for volume in pod["volumes"]}
    places = {mount["mountPath"]: sources[mount["name"]] for mount in container["volumeMounts"]}
    assert places.keys() == {"/etc/chat", "/etc/chat-secret"}
    folder, _, name = container["args"][container["args"].index("--config") + 1].rpartition("/")
    assert places[folder]["configMap"]["name"] == kinds["ConfigMap"]["metadata"]["name"]
    assert name in kinds["ConfigMap"]["data"]
    assert '"/etc/chat-secret/admin-token"' in kinds["ConfigMap"]["data"]["chat.toml"]
    (item,) = places["/etc/chat-secret"]["secret"]["items"]
    given = {each["name"]: each["valueFrom"]["secretKeyRef"]["key"] for each in container["env"]}
    used = re.findall(r"\$\((\w+)\)", " ".join(container["args"]))
    assert used == list(given)
    # The page tells how to make the secret.
    (made,) = [line for line in shown("sh") if line.startswith("kubectl create secret")]
    assert set(re.findall(r"--from-literal=([\w-]+)=", made)) == {item["path"], *given.values()}


def shown(language: str) -> list[str]:
    """Give the lines of the page's blocks."""
    blocks = [code for kind, code in found("howto/containers.md") if kind == language]
    return "".join(blocks).splitlines()


def test_what_is_probed_answers(reader: Reader) -> None:
    kinds = manifest()
    (container,) = kinds["Deployment"]["spec"]["template"]["spec"]["containers"]
    text = kinds["ConfigMap"]["data"]["chat.toml"]
    secret = reader.folder / "admin-token"
    secret.write_text("a-long-random-string\n", "utf-8")
    text = text.replace("/etc/chat-secret/admin-token", str(secret))
    # There is no broker, and without one no secret.
    text, count = re.subn(r"^cluster = .*\n", "", text, flags=re.MULTILINE)
    assert count == 1
    with serving(reader.folder, [*container["args"][:5], "chat.toml"], text) as (_, admin):
        paths = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")]
        assert [get(admin + path) for path in paths] == [b"alive\n", b"ready\n"]
