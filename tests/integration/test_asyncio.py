"""Callbacks under the asyncio reactor of a real twistd: what asyncio has, its libraries too."""

import json
import sys

import pytest

from ..support.docs import found
from ..support.frames import frame
from ..support.raw import asked, read_frame, read_head, upgrade
from ..support.running import running
from .test_plugin import LISTEN, TWISTD

# twistd has an option for the reactor, and none for its loop: what the page does about it.
(ON_UVLOOP,) = [code for _, code in found("howto/asyncio.md") if code.startswith("# fast.py")]
APP = ("-n", "--pidfile=", "sockjs", *LISTEN, "--app", "tests.support.asyncio_app.App")


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request):
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
        command = ("-c", ON_UVLOOP, *APP)
    else:
        command = (TWISTD, "--reactor=asyncio", *APP)
    with running(*command) as server:
        yield server


def tell(port, *messages):
    """Open a websocket, send these messages and give the answers, as many, or the end."""
    answers = []
    with asked(port, upgrade("/000/abc/websocket")) as (send, answer):
        assert b" 101 " in read_head(answer)
        assert read_frame(answer) == (1, b"o")
        for message in messages:
            send(frame(1, json.dumps([message]).encode()))
        while len(answers) < len(messages):
            answers.append(read_frame(answer)[1].decode())
            if answers[-1].startswith("c"):
                break
        return answers


LIBRARIES = {
    "aiohttp": "True",
    "httpx": "True",
    "redis": "value",
    "wait_for": "over",
}
NEWER = {"timeout": "over", "group": "[0, 1, 2]"}


@pytest.mark.parametrize("what", [*LIBRARIES, *NEWER])
def test_a_callback_awaits_what_asyncio_has_and_deferreds_between(what, server):
    if what in NEWER and sys.version_info < (3, 11):
        pytest.skip("Python 3.11 has it")
    if what in ("aiohttp", "httpx", "redis"):
        pytest.importorskip(what)
    result = {**LIBRARIES, **NEWER}[what]
    said = len(server.said)
    assert tell(server.port, what, what) == [f'a["{what}: {result}"]'] * 2, server.output
    assert "Traceback" not in "".join(server.said[said:])


def test_an_exit_in_a_task_does_not_end_the_server(server):
    assert tell(server.port, "exit", "wait_for") == ['c[1011,"Internal error"]']
    assert tell(server.port, "wait_for") == ['a["wait_for: over"]']
