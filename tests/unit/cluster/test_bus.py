"""What all buses share: listeners, subscribers, and waiting until claims are known to hold."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from txsockjs.cluster.bus import Bus, BusError
from txsockjs.cluster.memory import MemoryNetwork
from txsockjs.errors import SockJSError

from ...support.listeners import Heard


class Broken(Heard):
    """Raises at everything, even what a program raises to end itself."""

    def received(self, node: str, data: bytes) -> None:
        super().received(node, data)
        raise SystemExit(1)

    def lost(self, node: str) -> None:
        super().lost(node)
        raise RuntimeError("at lost")


@pytest.fixture
def bus() -> Bus:
    return MemoryNetwork(Clock()).bus()


def test_each_life_of_a_node_has_a_name_of_its_own() -> None:
    network = MemoryNetwork(Clock())
    names = [network.bus().node for _ in range(100)]
    assert len(set(names)) == 100
    assert all(len(name) == 16 and name.isalnum() for name in names)


def test_a_bus_that_was_not_started_is_not_connected(bus: Bus) -> None:
    assert (bus.connected, bus.reached, bus.settled) == (False, False, True)


def test_one_listens_on_a_port_and_no_second_one(bus: Bus) -> None:
    heard, other = Heard(), Heard()
    bus.listen("a", heard)
    bus.listen("b", other)
    with pytest.raises(ValueError, match="somebody listens on a of this bus already"):
        bus.listen("a", other)
    bus.deliver("node", "a", [b"1", b"2"])
    assert heard.messages == [("node", b"1"), ("node", b"2")]
    assert other.messages == []


def test_what_nobody_listens_for_is_counted_message_by_message(bus: Bus) -> None:
    bus.deliver("node", "a", [b"1", b"2"])
    bus.deliver("node", "a", [b"3"])
    assert bus.counters == {"messages_unwanted": 3}


def test_a_message_that_can_not_be_handled_is_logged_and_the_next_one_comes(bus: Bus) -> None:
    broken = Broken()
    bus.listen("a", broken)
    with capturedLogs() as logs:
        bus.deliver("node", "a", [b"1", b"2"])
    assert broken.messages == [("node", b"1"), ("node", b"2")]
    assert [log["log_failure"].type for log in logs] == [SystemExit, SystemExit]
    assert logs[0]["node"] == "node"


def test_all_listeners_are_told_although_one_fails(bus: Bus) -> None:
    broken, heard = Broken(), Heard()
    bus.listen("a", broken)
    bus.listen("b", heard)
    with capturedLogs() as logs:
        bus.tell("lost", "node")
        bus.tell("away")
        bus.tell("taken", "key")
    assert broken.ended == heard.ended == ["node"]
    assert broken.told == heard.told == ["away", "taken key"]
    (log,) = logs
    assert (log["listener"], log["what"]) == (broken, "lost")


def test_one_may_begin_to_listen_while_the_others_are_told(bus: Bus) -> None:
    late = Heard()

    class Host(Heard):
        def away(self) -> None:
            bus.listen("late", late)

    bus.listen("host", Host())
    bus.tell("away")
    assert late.told == []
    bus.tell("taken", "key")
    assert late.told == ["taken key"]


def test_a_publication_comes_to_who_subscribes_to_its_channel(bus: Bus) -> None:
    heard: list[bytes] = []
    bus.subscriptions["room"] = heard.append
    bus.deliver_publication("room", b"1")
    bus.deliver_publication("another", b"2")
    assert heard == [b"1"]


def test_a_subscriber_that_fails_harms_nobody(bus: Bus) -> None:
    def fail(data: bytes) -> None:
        raise RuntimeError(data)

    bus.subscriptions["room"] = fail
    with capturedLogs() as logs:
        bus.deliver_publication("room", b"1")
    (log,) = logs
    assert log["channel"] == "room"


def test_what_needs_settled_claims_is_called_at_once_or_in_order_once_they_are(bus: Bus) -> None:
    called: list[int] = []
    bus.when_settled(lambda: called.append(1))
    assert called == [1]
    bus.settled = False
    bus.when_settled(lambda: called.append(2))
    bus.when_settled(lambda: called.append(3))
    assert called == [1]
    bus.settled = True
    assert called == [1, 2, 3]
    bus.settled = True
    assert called == [1, 2, 3]


def test_what_unsettles_the_claims_again_keeps_the_others_waiting(bus: Bus) -> None:
    called: list[Any] = []

    def unsettle() -> None:
        called.append("unsettled")
        bus.settled = False

    bus.settled = False
    bus.when_settled(unsettle)
    bus.when_settled(lambda: called.append("settled"))
    bus.settled = True
    assert called == ["unsettled"]
    bus.settled = True
    assert called == ["unsettled", "settled"]


def test_an_error_of_a_bus_is_one_of_this_package() -> None:
    assert issubclass(BusError, SockJSError)
