"""A server whose wall clock is set while it runs."""

from contextlib import ExitStack

import pytest

from ..support.frames import frame
from ..support.raw import PATIENCE, asked, get, post, read_frame, read_head, upgrade
from ..support.running import running

# Runs twistd where the wall clock can be set, before anybody has looked at it.
PROGRAM = """
import wall
from twisted.scripts.twistd import run

run()
"""

WALL = """
import time

clock = time.time
offset = 0


def stepped():
    return clock() + offset


time.time = stepped
"""

APP = """
import wall
from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from txsockjs import SockJSConnection

LoopingCall(int).start(60)


class App(SockJSConnection):
    def on_message(self, message):
        wall.offset += int(message)
        self.send(f"{wall.time.time() - wall.clock():.0f}")
"""


@pytest.mark.parametrize("name", ["default", "poll", "select", "asyncio"])
def test_no_step_of_the_wall_clock_is_felt(tmp_path, name):
    for file, text in (("program.py", PROGRAM), ("wall.py", WALL), ("clocked_app.py", APP)):
        (tmp_path / file).write_text(text)
    command = [
        *(str(tmp_path / "program.py"), "-n", "--pidfile=", f"--reactor={name}"),
        *("sockjs", "--listen", "tcp:0:interface=127.0.0.1"),
        *("--app", "clocked_app.App", "--heartbeat-delay", "0.3"),
        *("--disconnect-delay", "60"),
    ]
    with running(*command, cwd=str(tmp_path)) as server, ExitStack() as stack:
        poll = f"{server.url}/0/poll"
        send, answer = stack.enter_context(asked(server.port, upgrade("/0/socket/websocket")))
        assert b" 101 " in read_head(answer)

        def frames():
            while True:
                opcode, payload = read_frame(answer)
                if opcode == 9:
                    send(frame(10, payload))
                else:
                    yield payload

        heard = frames()
        assert next(heard) == b"o"
        assert post(poll + "/xhr") == b"o\n"
        offset = 0
        # So many heartbeats are time enough for the two sweeps that would end sessions.
        for step, beats in ((-3600, 1), (7200, 9)):
            offset += step
            send(frame(1, b'"%d"' % step))
            while next(heard) != b'a["%d"]' % offset:
                pass
            assert [next(heard) for _ in range(beats)] == [b"h"] * beats
            post(poll + "/xhr_send", b'["0"]')  # 404 if it were gone
            assert post(poll + "/xhr") == b'a["%d"]\n' % offset
        server.process.terminate()
        assert post(poll + "/xhr") == b'c[1012,"Service restart"]\n'
        stack.close()
        assert server.process.wait(PATIENCE) == 0  # a second signal could come too late
        server.stop()
        assert "Traceback" not in server.output
        assert "wall clock" not in server.output


def test_a_process_that_has_scheduled_calls_before_says_so_and_serves(tmp_path):
    (tmp_path / "program.py").write_text(
        "from twisted.internet import reactor\n"
        "from twisted.scripts.twistd import run\n"
        "reactor.callLater(60, int)\n"
        "run()\n"
    )
    command = (str(tmp_path / "program.py"), "-n", "--pidfile=", "sockjs")
    with running(*command, "--listen", "tcp:0:interface=127.0.0.1", cwd=str(tmp_path)) as server:
        assert get(server.url + "/echo") == b"Welcome to SockJS!\n"
        assert "steps of the wall clock will be felt: a reactor's time must be" in server.output
