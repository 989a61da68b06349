"""The members of a room: what concerns them all at once is spread over turns."""

from txsockjs.actors.members import Members
from txsockjs.wire.publication import CLOSE, PRESENCE

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


def test_who_came_after_a_room_was_closed_stays():
    server, members, receivers = crowd(300)
    members.tell(CLOSE, [4000, "over"])
    late, _, receiver = open_session(server=server)
    members.put(late, "null")
    server.reactor.advance(0)
    assert told(receivers) == 300
    assert receiver.heard == ["o"]
    settle(server)


def change(joined="", left=""):
    return {"joined": list(joined), "left": list(left)}


def test_each_member_is_told_in_order_and_what_waits_is_told_together():
    server, members, receivers = crowd(300)
    heard = {session: [] for session in receivers}
    for session, log in heard.items():
        session.connection.on_presence = lambda *told, log=log: log.append(told)
        session.connection.on_gap = log.append
    members.tell(PRESENCE, change("a"))
    members.tell(PRESENCE, change("bc", "x"))
    members.tell(PRESENCE, change("d", "by"))
    for _ in range(3):
        members.tell_gap()
    members.tell(PRESENCE, change("", "c"))
    assert list(heard.values())[-1] == []
    server.reactor.advance(0)
    first, second = ("tea", ["a"], []), ("tea", ["c", "d"], ["x", "b", "y"])
    assert set(map(str, heard.values())) == {str([first, second, "tea", ("tea", [], ["c"])])}
    settle(server)


def test_a_member_that_can_not_be_told_keeps_nobody_else_from_it(logged):
    server, members, receivers = crowd(3)
    first, *others = receivers
    first.connection.__class__ = type("Odd", (type(first.connection),), {"close_on_gap": Odd()})
    for session in others:
        session.connection.close_on_gap = True
    members.tell_gap()
    assert told(receivers) == 2
    assert len(logged) == 1
    settle(server)


class Odd:
    def __get__(self, *_):
        raise ValueError("odd")
