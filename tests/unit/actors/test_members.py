"""The members of a room: what concerns them all at once is spread over turns."""

from txsockjs.actors.members import Members
from txsockjs.wire.publication import CLOSE

from ...support.fakes import FakeServer, open_session, settle


def crowd(number):
    """Members of one room, with their server and receivers."""
    server = FakeServer()
    members = Members(server.scheduler, "tea", False)
    receivers = {}
    for _ in range(number):
        session, _, receiver = open_session(server=server)
        members.put(session, "null")
        receivers[session] = receiver
    return server, members, receivers


def told(receivers):
    return sum(receiver.heard[-1].startswith("c") for receiver in receivers.values())


def test_a_turn_ends_after_so_many_and_the_others_are_next():
    server, members, receivers = crowd(600)
    members.tell(CLOSE, [4000, "over"])
    assert told(receivers) == 256
    server.reactor.advance(0)
    assert told(receivers) == 600
    settle(server)


def test_whoever_left_meanwhile_is_not_told():
    server, members, receivers = crowd(300)
    members.tell(CLOSE, [4000, "over"])
    members.remove(list(receivers)[-1])
    server.reactor.advance(0)
    assert told(receivers) == 299
    settle(server)
