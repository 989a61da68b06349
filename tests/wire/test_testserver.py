"""The test server as a program: its options, what it says, how it ends."""

import os
import signal
import subprocess
import sys

import pytest

from ..support.labs import Site, until
from ..support.receivers import XHR, messages
from ..support.running import ROOT, running

PROGRAM = os.path.join(ROOT, "examples", "testserver.py")
ANY_PORT = "tcp:0:interface=127.0.0.1"


def run(*options):
    """Run the program with options that it refuses; give its exit code and what it said."""
    environment = dict(os.environ, PYTHONPATH=ROOT)
    done = subprocess.run(
        [sys.executable, PROGRAM, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )
    return done.returncode, done.stdout + done.stderr


def test_it_ends_well_when_told_to():
    with running(PROGRAM, "--listen", ANY_PORT) as server:
        site = Site(server)
        stream = site.session("/ticker").open()
        open_socket = site.websocket()
        poll = site.session().waiting(XHR)
        server.process.send_signal(signal.SIGTERM)
        frames = [stream.frame()]
        while frames[-1] == 'a["tick!"]':  # one for each second so far
            frames.append(stream.frame())
        assert frames[-1] == 'c[3000,"Go away!"]'
        assert poll.frame() == 'c[3000,"Go away!"]'
        assert open_socket.text() == 'c[3000,"Go away!"]'
        assert open_socket.closed().code in (1000, 1001, 3000)
        assert server.process.wait(30) == 0
        site.close()
    assert "Traceback" not in server.output


def test_it_listens_wherever_it_is_told():
    with running(PROGRAM, "--listen", ANY_PORT, "--listen", ANY_PORT) as server:
        until(lambda: server.output.count("listening on") == 2)
        lines = [line for line in server.output.splitlines() if "listening on" in line]
        ports = {int(line.rsplit(":", 1)[1]) for line in lines}
        assert len(ports) == 2 and 0 not in ports
        assert server.stop() == 0


@pytest.mark.parametrize("endpoint", ["nonsense", "tcp:1:2:3:4"])
def test_a_broken_endpoint_is_one_clear_line(endpoint):
    code, said = run("--listen", endpoint)
    assert code != 0
    assert endpoint in said and "Traceback" not in said


def test_a_port_in_use_is_one_clear_line():
    with running(PROGRAM, "--listen", ANY_PORT) as server:
        code, said = run("--listen", f"tcp:{server.port}:interface=127.0.0.1")
    assert code != 0
    assert str(server.port) in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("message", "size"),
    [("1", 2), ("19", 2**19), ("0", 2), ("20", 2), ("-3", 2), ("x", 2), ("", 2), ("²", 2)],
)
def test_amplify_takes_1_to_19_and_anything_else_for_1(site, message, size):
    asking = site.websocket("/amplify")
    asking.say(f'["{message}"]')
    assert messages(asking.text()) == ["x" * size]
