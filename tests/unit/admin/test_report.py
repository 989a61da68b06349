"""The report of a process: what its sessions did, what waits in them, its bus and its site."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txsockjs import SockJSConnection
from txsockjs.admin.report import Report
from txsockjs.cluster.memory import MemoryNetwork

from ...support.memory import Echo, Lab


def ask(report: Report, clock: Clock) -> dict[str, Any]:
    got: list[Any] = []
    Deferred.fromCoroutine(report.answer({})).addBoth(got.append)
    for _ in range(100):
        if got:
            break
        clock.advance(0)
    answer: dict[str, Any] = json.loads(json.dumps(got[0]))
    return answer


def report_of(lab: Lab, **options: Any) -> dict[str, Any]:
    report = Report([lab.router], lab.clock, **options)
    answer = ask(report, lab.clock)
    report.stop()
    return answer


def test_open_sessions_and_ended_ones_are_added_up_once() -> None:
    lab = Lab()
    report = Report([lab.router], lab.clock)
    first, second = lab.upgrade(), lab.upgrade()
    for socket in (first, second):
        socket.say(b'["abc"]')
    ask(report, lab.clock)
    first.say(b'["de"]')
    ask(report, lab.clock)
    first.vanish()
    (mount,) = ask(report, lab.clock)["mounts"]
    report.stop()
    websocket = mount["transports"]["websocket"]
    assert (mount["mount"], websocket["open"], websocket["opened"]) == ("/", 1, 2)
    assert {cause: count for cause, count in websocket["ended"].items() if count} == {"lost": 1}
    assert (websocket["messages_in"], websocket["bytes_in"]) == (3, 8)
    assert (websocket["messages_out"], websocket["bytes_out"]) == (3, 8)
    assert websocket["frames_out"] == 3
    lab.settle()


def test_what_waits_is_counted_by_size() -> None:
    class Slow(Echo):
        def on_message(self, message: Any) -> Any:
            self.send("x" * 2000)
            self.waits: Deferred[None] = Deferred()
            return self.waits

    lab = Lab(Slow)
    lab.xhr()
    lab.upgrade().say(b'["a","b","c"]')
    lab.send(b'["a"]')
    (mount,) = report_of(lab)["mounts"]
    # One message was taken from the websocket's mailbox, two wait; its client took what was sent.
    assert mount["mailboxes"]["counts"][:3] == [1, 1, 0]
    assert mount["mailboxes"]["sum"] == 2 * 65
    assert mount["outputs"]["counts"][:3] == [1, 0, 1]
    assert mount["outputs"]["sum"] == 2064
    lab.router.close(patience=0)
    lab.settle()


def test_many_sessions_are_gone_through_in_turns() -> None:
    lab = Lab(SockJSConnection)
    for number in range(1200):
        lab.connect().request("POST", f"/000/s{number}/xhr")
    report = Report([lab.router], lab.clock)
    got: list[Any] = []
    Deferred.fromCoroutine(report.answer({})).addBoth(got.append)
    assert got == []
    # One that ends meanwhile is counted once, whether it was looked at or not.
    for number in (0, 1199):
        session = lab.router.get_session(f"s{number}")
        assert session is not None
        session.abort()
    for _ in range(1200):
        lab.clock.advance(0)
    report.stop()
    (mount,) = got[0]["mounts"]
    assert mount["transports"]["xhr"]["opened"] == 1200
    assert sum(mount["mailboxes"]["counts"]) in (1198, 1199)
    lab.router.close(patience=0)
    lab.settle()


def test_transports_that_are_off_are_left_out_unless_they_were_used() -> None:
    lab = Lab(disabled_transports=["jsonp", "htmlfile"])
    (mount,) = report_of(lab)["mounts"]
    assert set(mount["transports"]) == {
        "websocket",
        "rawwebsocket",
        "xhr",
        "xhr_streaming",
        "eventsource",
    }
    lab.settle()


def test_refusals_and_drops_are_told() -> None:
    lab = Lab()
    lab.send(b'["x"]')
    lab.router.stats.messages_dropped = 7
    (mount,) = report_of(lab)["mounts"]
    assert {cause: count for cause, count in mount["refused"].items() if count} == {"session": 1}
    assert (mount["dropped"], mount["connections"], mount["claims"]) == (7, 0, 0)
    assert mount["suspended"] == 0
    lab.settle()


def test_a_bus_is_told_once_and_a_site_if_there_is_one() -> None:
    clock = Clock()
    network = MemoryNetwork(clock)
    bus = network.bus()
    bus.counters["gaps"] = 3
    lab, other = Lab(), Lab()
    for each in (lab, other):
        each.router.prefix = f"/{id(each)}"
        each.router.join_bus(bus)

    class Site:
        refused = 2
        ended = {"idle": 1}

        def connections(self) -> list[Any]:
            return [1, 2, 3]

    report = Report([lab.router, other.router], clock, Site())
    answer = ask(report, clock)
    report.stop()
    assert len(answer["mounts"]) == 2
    (told,) = answer["buses"]
    assert told["node"] == bus.node
    assert (told["connected"], told["nodes"]) == (bus.connected, len(bus.nodes))
    assert told["counters"]["gaps"] == 3
    assert answer["site"] == {"connections": 3, "refused": 2, "ended": {"idle": 1}}


def test_a_process_tells_of_itself() -> None:
    lab = Lab()
    answer = report_of(lab)
    assert answer["site"] is None
    assert answer["buses"] == []
    assert set(answer["versions"]) == {"txsockjs", "twisted", "python"}
    assert answer["process"]["cpu_seconds"] > 0
    assert sum(answer["delay"]["counts"]) == 0
    lab.settle()
