"""Monotonic time: who gets it and when, and a server whose wall clock is set."""

import time
from contextlib import ExitStack

import pytest
from twisted.internet.base import ReactorBase
from twisted.internet.task import Clock
from twisted.python.runtime import seconds as wall_clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.clock import use_monotonic_time

from ..support.raw import PATIENCE, asked, frame, get, post, read_frame, read_head, upgrade
from ..support.running import running


class Reactor(ReactorBase):
    """A reactor that counts by what Twisted's do, and never runs."""

    def installWaker(self):
        """Be woken by nobody."""


# -- the function


def test_a_reactor_of_twisteds_gets_monotonic_time():
    reactor = Reactor()
    assert reactor.seconds is wall_clock
    use_monotonic_time(reactor)
    use_monotonic_time(reactor)
    assert reactor.seconds is time.monotonic
    now = time.monotonic()
    call = reactor.callLater(5, print)
    assert now + 5 <= call.getTime() <= time.monotonic() + 5
    assert 0 <= reactor.timeout() <= 5
    assert Reactor().seconds is wall_clock  # nobody else's time is changed


def test_pending_calls_are_not_left_at_the_wrong_time():
    reactor = Reactor()
    call = reactor.callLater(5, print)
    with pytest.raises(RuntimeError, match=r"not after <DelayedCall .*print"):
        use_monotonic_time(reactor)
    assert reactor.seconds is wall_clock
    call.cancel()
    use_monotonic_time(reactor)
    assert reactor.seconds is time.monotonic


def test_a_reactor_that_has_a_time_of_its_own_keeps_it():
    clock = Clock()
    clock.callLater(5, print)
    use_monotonic_time(clock)
    assert clock.seconds() == 0


def test_a_router_may_be_made_before():
    reactor = Reactor()
    router = SockJSRouter(SockJSConnection, reactor=reactor)
    use_monotonic_time(reactor)
    router.make_session("one")
    router.sessions.expire()
    assert router.get_session("one") is not None


# -- a process

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
        assert post(poll + "/xhr") == b'c[3000,"Go away!"]\n'
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
