"""How sessions end: the cause that each end is counted under, and what its observers are told."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from ..support.memory import Echo, Lab


class Ends(Echo):
    """Ends as it is told, and otherwise echoes."""

    def on_open(self, info: Any) -> Any:
        super().on_open(info)
        return info.get_argument("no") is None

    def on_message(self, message: Any) -> None:
        if message == "fail":
            raise RuntimeError("as told")
        if message == "abort":
            self.session.abort()
        elif message == "flood":
            for _ in range(100):
                self.send("x" * 2000)
        else:
            super().on_message(message)


def ends(lab: Lab) -> list[Any]:
    """Return a list of the sessions that end."""
    seen: list[Any] = []
    lab.router.end_observers.append(seen.append)
    return seen


@pytest.mark.parametrize(
    ("cause", "message", "opcode"),
    [
        ("client", b"\x03\xe8", 8),
        ("application", b'["close"]', 1),
        ("application", b'["abort"]', 1),
        ("error", b"no JSON", 1),
        ("error", b'["fail"]', 1),
    ],
)
def test_an_end_is_told_once_with_its_cause(cause: str, message: bytes, opcode: int) -> None:
    lab = Lab(Ends)
    seen = ends(lab)
    socket = lab.upgrade()
    with capturedLogs():
        socket.say(message, opcode)
    assert [session.cause for session in seen] == [cause]
    socket.vanish()
    lab.pass_time(10)
    assert len(seen) == 1
    assert lab.router.stats.transports["websocket"].ended[cause] == 1
    lab.settle()


def test_the_other_causes_of_an_end() -> None:
    lab = Lab(Ends, heartbeat_delay=10, ping_timeout=5, send_limit=1000)
    seen = ends(lab)
    lab.upgrade().vanish()
    lab.connect().request("POST", "/000/a/xhr_streaming").vanish()
    lab.upgrade("/000/abc/websocket?no=1").vanish()
    slow = lab.upgrade()
    slow.transport.slow = True
    slow.say(b'["flood"]')
    assert [session.cause for session in seen] == ["lost", "lost", "refused", "slow"]
    lab.xhr()
    lab.upgrade()
    lab.pass_time(17)
    assert [session.cause for session in seen[4:]] == ["timeout", "timeout"]
    lab.xhr("/000/b/xhr")
    lab.router.close()
    assert [session.cause for session in seen[6:]] == ["shutdown"]
    lab.settle()


def test_what_a_session_said_and_heard_is_counted_when_its_end_is_told() -> None:
    lab = Lab()
    seen = ends(lab)
    socket = lab.upgrade()
    socket.say(b'["a","bc"]')
    lab.pass_time(3)
    socket.say(b'["close"]')
    (session,) = seen
    assert (session.messages_in, session.bytes_in) == (3, 8)
    assert (session.messages_out, session.bytes_out, session.frames_out) == (2, 3, 1)
    assert (session.clock() - session.began, session.close_reason) == (3, (3001, "as told"))
    lab.settle()


def test_what_is_sent_with_an_end_is_counted() -> None:
    class Leaving(Echo):
        def on_message(self, message: Any) -> None:
            self.send("farewell")
            self.close()

    lab = Lab(Leaving)
    seen = ends(lab)
    lab.upgrade().say(b'["x"]')
    traffic = lab.router.stats.transports["websocket"]
    assert (seen[0].messages_out, seen[0].bytes_out) == (1, 8)
    assert (traffic.messages_out, traffic.bytes_out, traffic.frames_out) == (1, 8, 1)
    assert lab.router.stats.packets_sent_ps.accumulator == 1
    lab.settle()


def test_an_observer_of_ends_that_fails_is_logged_and_ends_nothing_else() -> None:
    lab = Lab()

    def fail(session: Any) -> None:
        raise RuntimeError("as told")

    lab.router.end_observers.append(fail)
    seen = ends(lab)
    with capturedLogs() as logged:
        lab.upgrade().vanish()
    assert len(seen) == 1
    assert formatEvent(logged[0]).startswith("an observer of ends failed at <BaseSession ")
    lab.settle()
