"""``python -m txsockjs connect`` and ``check``, as processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from ...support.breaking_proxy import breaking_proxy
from ...support.playing_client import connected
from ...support.running import ROOT, Server, running

REFUSING = "http://127.0.0.1:1/echo"
# With a server that is slow to answer.
PATIENT = ("--timeout", "30", "--wait", "60")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running("-m", "tests.support.client_peer") as server:
        yield server


def run(*words: str, given: str = "") -> tuple[int, str, str]:
    """Run a command; return its exit code, its output, and what it said beside."""
    command = [sys.executable, "-m", "txsockjs", *words]
    ended = subprocess.run(
        command, input=given, capture_output=True, text=True, cwd=ROOT, check=False, timeout=120
    )
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stdout, ended.stderr


def test_lines_in_and_messages_out(server: Server) -> None:
    lines = "".join(f"{number}\n" for number in range(5000))
    url = server.url + "/echo"
    said = "txsockjs: connected over xhr_polling\ntxsockjs: closed with 1000 Normal closure\n"
    words = ("connect", url, "--transport", "xhr", "--count", "5000", *PATIENT)
    assert run(*words, given=lines) == (0, lines, said)


@pytest.mark.parametrize(
    ("words", "given", "code"),
    [
        (("--count", "1", *PATIENT), "hello\n", 0),
        (PATIENT, "close:3001\n", 0),
        (("--json",), "no JSON\n", 1),
        (("--transport", "pigeon"), "", 1),
        (PATIENT, "close:1011\n", 3),
        (("--count", "2"), "hello\n", 4),
    ],
)
def test_exit_codes(server: Server, words: tuple[str, ...], given: str, code: int) -> None:
    assert run("connect", server.url + "/echo", *words, given=given)[0] == code


def test_a_server_that_is_not_there() -> None:
    code, output, said = run("connect", REFUSING)
    assert (code, output) == (2, "")
    assert said.startswith(f"txsockjs: cannot connect to {REFUSING}: info: Connection was refused")
    assert run("check", REFUSING)[0] == 2


@pytest_twisted.ensureDeferred
async def test_a_proxy_that_breaks_websockets_is_found_and_gone_around(server: Server) -> None:
    proxy: Any = await breaking_proxy(server.port)
    url = f"http://127.0.0.1:{proxy.getHost().port}/echo"
    client = await connected(url, timeout=30)
    assert client.transport.name == "xhr_streaming"
    await client.echoes([str(number) for number in range(1000)])
    client.close()
    await client.over
    code, output, _ = await deferToThread(run, "check", url, "--json", "--timeout", "30")
    value = json.loads(output)
    assert code == 3
    assert {each["transport"]: each["works"] for each in value["transports"]} == {
        "websocket": False,
        "xhr_streaming": True,
        "eventsource": True,
        "xhr_polling": True,
    }
    assert "breaks websockets" in value["findings"][0]
    code, output, _ = await deferToThread(run, "check", server.url + "/echo", "--timeout", "30")
    assert code == 0
    await proxy.stopListening()
