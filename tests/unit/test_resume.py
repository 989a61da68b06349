"""Resumable connections in memory: what each side gets when connections are lost."""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txsockjs import SettingsError, SockJSRouter
from txsockjs.resume import Carrier, ResumableConnection
from txsockjs.testing import TRANSPORTS, BadAnswer, advance, connect, settle
from txsockjs.transports.resuming.receiver import ResumedReceiver
from txsockjs.transports.resuming.session import ResumableSession

from ..support.resuming import STEPS, Chat, ResumingClient, follow


class Lab:
    def __init__(self, base: type[ResumableConnection] = Chat, **options: Any) -> None:
        self.log: list[Any] = []
        self.connection: Any = type("Chat", (base,), {"log": self.log})
        self.made: list[Any] = []
        made = self.made

        def remember(self: Any, session: Any) -> None:
            super(connection, self).__init__(session)
            made.append(self)

        connection = self.connection
        connection.__init__ = remember
        self.clock = Clock()
        self.router = SockJSRouter(self.connection, reactor=self.clock, **options)

    def client(self, transport: str = "websocket") -> ResumingClient:
        client = ResumingClient(self.router, transport)
        client.come()
        return client

    def wait(self, seconds: float) -> None:
        advance(self.clock, seconds)

    def end(self) -> None:
        settle(self.router)
        assert not self.router.suspended
        assert not self.clock.getDelayedCalls()


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_client_that_comes_back_misses_nothing(lab: Lab, transport: str) -> None:
    client = lab.client(transport)
    client.send("one", "two")
    lab.wait(0.1)
    (chat,) = lab.made
    chat.send("a")
    lab.wait(0.1)
    client.read()
    client.drop()
    lab.wait(0.1)
    chat.send("b")
    client.send("three")
    lab.wait(20)
    client.come()
    lab.wait(0.1)
    client.read()
    chat.send("c")
    lab.wait(0.1)
    client.read()
    assert client.got == ["a", "b", "c"]
    assert lab.log == ["open", "one", "two", "suspend", "resume", "three"]
    assert client.events == ["started", "continued"]
    assert lab.made == [chat]
    lab.end()


def test_who_does_not_announce_itself_is_served_plainly(lab: Lab) -> None:
    for query in ("", "resume=2", "resume="):
        client = connect(lab.router, query=query)
        client.send("n")
        assert lab.log.pop() == "n"
        chat = lab.made.pop()
        assert isinstance(chat, lab.connection)
        chat.send("m")
        assert client.take() == ["m"]
        client.drop()
    assert not lab.router.suspended
    lab.end()


def test_what_was_sent_and_not_acknowledged_is_sent_again_and_nothing_twice(lab: Lab) -> None:
    client = lab.client()
    (chat,) = lab.made
    client.acknowledges = False
    for n in range(10):
        chat.send(str(n))
    client.read()
    chat.send("10")  # which it does not read any more
    client.send("x")
    client.drop()
    client.come("xhr_streaming")
    client.read()
    assert client.got == [str(n) for n in range(11)]
    assert lab.log == ["open", "x", "suspend", "resume"]
    lab.end()


def test_an_old_connection_that_is_not_known_dead_is_replaced(lab: Lab) -> None:
    client = lab.client()
    (chat,) = lab.made
    old = client.client
    assert old is not None
    chat.send("a")
    client.client = None  # it reads no more of it
    client.come()
    client.read()
    assert client.got == ["a"]
    assert client.events == ["started", "continued"]
    assert old.take()[-1] == "x4409,Resumed over another connection"
    assert old.close_reason == (4409, "Resumed over another connection")
    assert lab.log == ["open", "suspend", "resume"]
    lab.end()


def test_a_connection_that_vanished_is_replaced_before_anybody_noticed(lab: Lab) -> None:
    client = lab.client()
    (chat,) = lab.made
    client.vanish()
    chat.send("lost on the way")
    client.send("said meanwhile")
    client.come()
    client.read()
    assert client.got == ["lost on the way"]
    assert lab.log == ["open", "suspend", "resume", "said meanwhile"]
    lab.wait(60)  # the old one is found dead, and nobody cares
    assert lab.log[4:] == []
    assert lab.router.get_session is not None
    lab.end()


def test_a_token_is_good_until_its_successor_was_seen(lab: Lab) -> None:
    client = lab.client()
    first = client.token
    client.drop()
    # The answer, with the new token, gets lost.
    connection = connect(lab.router, query="resume=1")
    connection.send(f"r{first},0")
    assert connection.take()[0][:1] == "c"
    connection.drop()
    client.come()
    client.read()
    assert client.events == ["started", "continued"]
    lab.wait(1)
    client.drop()
    thief = ResumingClient(lab.router)
    thief.token = first  # which was used, and replaced
    thief.come()
    assert thief.events == ["fresh"]
    client.come()
    assert client.events == ["started", "continued", "continued"]
    lab.end()


@pytest.mark.parametrize("token", ["x", "A" * 48, "\u00e9", ""])
def test_a_token_that_is_none_begins_anew_or_is_refused(lab: Lab, token: str) -> None:
    connection = connect(lab.router, query="resume=1")
    connection.send(f"r{token},0")
    if token.isascii() and token:
        assert connection.take()[0][:1] == "f"
    else:
        assert connection.close_reason == (
            1002,
            "Bad envelope: a resumption without a token and a number",
        )
    lab.end()


HTTP = TRANSPORTS[2:]


@pytest.mark.parametrize("transport", HTTP)
def test_a_request_that_a_browser_repeats_is_taken_once(lab: Lab, transport: str) -> None:
    client = lab.client(transport)
    assert client.client is not None
    client.client.send("n")
    client.send("one", "two")
    client.repeat()
    client.send("three")
    client.repeat()
    (chat,) = lab.made
    chat.send("a")
    chat.send("b")
    client.client.send("a1", "k4,four", "a2")
    client.client.send("a1", "k4,four", "a2")
    lab.wait(2)
    assert client.client.is_open
    client.unacked.append("four")
    client.read()
    assert lab.log == ["open", "one", "two", "three", "four"]
    assert client.unacked == []
    lab.end()


@pytest.mark.parametrize("transport", HTTP)
def test_an_answer_that_was_lost_is_missed_at_the_next_message(lab: Lab, transport: str) -> None:
    client = lab.client(transport)
    (chat,) = lab.made
    chat.send("a")
    lab.wait(0.1)
    client.miss()
    chat.send("b")
    lab.wait(0.1)
    client.read()
    assert client.missed
    client.come()
    assert client.got == ["a", "b"]
    lab.end()


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("transport", HTTP)
def test_the_last_answer_that_was_lost_is_missed_soon(lab: Lab, transport: str, end: bool) -> None:
    client = lab.client(transport)
    (chat,) = lab.made
    chat.send("a")
    lab.wait(0.1)
    client.miss()
    if end:
        chat.close(4001, "Enough")
    else:
        lab.wait(3)
    client.read()
    assert client.missed
    assert client.events == ["started"]
    client.come()
    assert client.events[1:] == (["continued", "over 4001 Enough"] if end else ["continued"])
    assert client.got == ["a"]
    lab.end()


@pytest.mark.parametrize("transport", HTTP)
def test_a_lost_acknowledgement_is_said_again(lab: Lab, transport: str) -> None:
    client = lab.client(transport)
    (chat,) = lab.made
    client.acknowledges = False
    chat.send("a")
    lab.wait(0.1)
    client.read()
    assert chat.session.under_way.acked == 0
    lab.wait(3)
    client.read()
    assert chat.session.under_way.acked == 1
    client.send("one")
    lab.wait(1)
    client.miss()
    assert client.unacked == ["one"]
    assert client.client is not None
    client.client.send("p1")
    client.read()
    assert client.unacked == []
    lab.end()


@pytest.mark.parametrize("transport", HTTP)
def test_a_request_that_was_lost_without_a_word_is_told(lab: Lab, transport: str) -> None:
    client = lab.client(transport)
    client.unacked.append("one")  # it never arrives
    client.send("two")
    assert client.client is not None
    assert client.client.close_reason == (1002, "Bad envelope: message 1 is missing")
    client.come()
    assert lab.log == ["open", "suspend", "resume", "one", "two"]
    lab.end()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["m1"], "it neither begins nor resumes"),
        ([""], "not a message of the envelope"),
        (["hello"], "not a message of the envelope"),
        (["n", "a-1"], "not a number of messages"),
        (["n", "a1"], "it acknowledges what it can't have"),
        (["n", "a99999999999999999999"], "not a number of messages"),
    ],
)
def test_what_is_no_envelope_ends_the_connection(lab: Lab, said: list[str], why: str) -> None:
    connection = connect(lab.router, query="resume=1")
    for each in said:
        connection.send(each)
    assert connection.close_reason == (1002, f"Bad envelope: {why}")
    lab.end()


def test_there_is_text_only(lab: Lab) -> None:
    connection = connect(lab.router, "rawwebsocket", query="resume=1")
    connection.send(b"n")
    assert connection.close_reason == (
        1002,
        "Bad envelope: a resumable connection has text only",
    )
    lab.end()


def test_who_claims_to_have_more_than_was_sent_is_refused_and_may_try_again(lab: Lab) -> None:
    client = lab.client()
    client.drop()
    client.received = 5
    client.come()
    assert client.client is not None
    assert client.client.close_reason == (
        1002,
        "Bad envelope: it has not received so many messages",
    )
    client.received = 0
    client.come()
    assert client.events == ["started", "continued"]
    lab.end()


def test_who_says_nothing_is_not_waited_for(lab: Lab) -> None:
    connection = connect(lab.router, query="resume=1")
    lab.wait(lab.router.settings.request_timeout + 1)
    assert connection.close_reason == (1002, "Bad envelope: it said nothing")
    assert lab.made == []
    lab.end()


def test_who_does_not_come_back_is_gone_after_its_time(lab: Lab) -> None:
    client = lab.client()
    client.drop()
    lab.wait(59)
    assert lab.log == ["open", "suspend"]
    lab.wait(2)
    assert lab.log[:2] == ["open", "suspend"]
    assert lab.log[2][0] == "close"
    client.come()
    assert client.events == ["started", "fresh"]
    lab.end()


def test_the_time_is_an_attribute_of_the_class() -> None:
    class Short(Chat):
        resume_for = 2

    lab = Lab(Short)
    client = lab.client()
    client.drop()
    lab.wait(3)
    assert len(lab.log) == 3
    lab.end()
    with pytest.raises(SettingsError, match=r"Never\.resume_for must be > 0 seconds, not 0"):
        type("Never", (Chat,), {"resume_for": 0})


@pytest.mark.parametrize(
    ("callback", "wanted"), [("on_suspend", r"\(self\)"), ("on_resume", r"\(self, info\)")]
)
def test_a_callback_that_can_not_be_called_is_an_error_at_once(callback: str, wanted: str) -> None:
    with pytest.raises(
        SettingsError, match=rf"Bad\.{callback} must take {wanted}, not \(self, a, b\)"
    ):
        type("Bad", (Chat,), {callback: lambda self, a, b: None})


def test_a_stall_of_the_server_is_no_absence(lab: Lab) -> None:
    client = lab.client()
    client.drop()
    lab.clock.advance(3600)  # at once, as after a sleep or a step of the clock
    client.come()  # which lay in the sockets
    assert client.events == ["started", "continued"]
    client.drop()
    lab.clock.advance(3600)
    lab.wait(2)
    client.come()
    assert client.events[-1] == "fresh"
    lab.end()


def test_a_client_that_leaves_for_good_ends_it_at_once(lab: Lab) -> None:
    client = lab.client()
    assert client.client is not None
    client.send("last words")
    client.client.send("x")
    assert lab.log == ["open", "last words", ("close", (1000, "Normal closure"))]
    assert client.client.close_reason == (1000, "Normal closure")
    client.client = None
    client.come()
    assert client.events == ["started", "fresh"]
    lab.end()


@pytest.mark.parametrize("away", [False, True])
def test_a_client_is_told_that_the_application_closed_it(lab: Lab, away: bool) -> None:
    client = lab.client()
    (chat,) = lab.made
    if away:
        client.drop()
    chat.send("last words")
    chat.close(4001, "Enough, for now")
    lab.wait(1)
    assert lab.log[-1] == ("close", (4001, "Enough, for now"))
    if away:
        client.come()
    client.read()
    assert client.got == ["last words"]
    assert client.events[-1] == "over 4001 Enough, for now"
    assert client.client is not None
    assert client.client.close_reason == (4001, "Enough, for now")
    client.client = None
    lab.wait(6)
    client.come()
    assert client.events[-1] == "fresh"
    lab.end()


def test_a_client_that_did_not_hear_of_the_end_comes_back_and_hears_it() -> None:
    lab = Lab(disconnect_delay=5)
    client = lab.client()
    (chat,) = lab.made
    client.vanish()
    chat.send("last words")
    chat.close(4001, "Enough")
    for _ in range(3):
        lab.wait(2)
        client.come()
        assert client.client is not None
        assert client.client.close_reason == (4001, "Enough")
    assert client.got == ["last words"]
    assert client.events[1:] == ["continued", "over 4001 Enough"] * 3
    assert lab.log == ["open", ("close", (4001, "Enough"))]
    lab.wait(6)
    client.come()
    assert client.events[-1] == "fresh"
    lab.end()


@pytest.mark.parametrize("returns", [False, True])
def test_a_client_that_acknowledges_nothing_can_not_put_off_the_end(
    lab: Lab, returns: bool
) -> None:
    client = lab.client()
    (chat,) = lab.made
    client.acknowledges = False
    for _ in range(100):
        chat.send("x" * 1000)
    chat.close(4001, "Enough")
    if returns:
        client.drop()
        client.come()
        assert client.events == ["started", "continued"]
    lab.wait(59)
    assert client.client is not None
    assert client.client.is_open
    lab.wait(2)
    assert not client.client.is_open
    assert not lab.router.suspended
    lab.end()


def test_a_client_that_leaves_while_it_is_told_of_the_end_is_gone_at_once(lab: Lab) -> None:
    client = lab.client()
    (chat,) = lab.made
    client.acknowledges = False
    for _ in range(100):
        chat.send("x" * 1000)
    chat.close(4001, "Enough")
    assert client.client is not None
    client.client.send("x")
    lab.wait(0)
    assert not lab.router.suspended
    assert lab.log == ["open", ("close", (4001, "Enough"))]
    lab.end()


def test_whoever_closes_what_carries_it_closes_it(lab: Lab) -> None:
    client = lab.client()
    (carrier,) = lab.router.sessions
    carrier.close(4002, "By the operator")
    lab.wait(0)
    assert lab.log == ["open", ("close", (4002, "By the operator"))]
    client.client = None
    client.come()
    assert client.events == ["started", "continued", "over 4002 By the operator"]
    lab.end()


def test_each_connection_is_counted_with_the_cause_of_its_end(lab: Lab) -> None:
    client = lab.client()
    client.drop()  # lost
    client.come()
    client.client = None
    client.come()  # the one before is replaced: lost
    assert client.client is not None
    client.client.send("hello")  # error
    client.come()
    client.client.send("x")  # client
    client = lab.client()
    lab.made[-1].close()  # application
    connect(lab.router, query="resume=1").send("no")  # error
    ended = {cause: n for cause, n in lab.router.stats.transports["websocket"].ended.items() if n}
    assert ended == {"lost": 2, "error": 2, "client": 1, "application": 1}
    assert lab.router.stats.sessions_active == 0
    assert lab.router.stats.messages_dropped == 0
    lab.end()


def test_too_much_for_who_is_away_is_a_gap_and_memory_is_free() -> None:
    lab = Lab(send_limit=100_000)
    client = lab.client()
    (chat,) = lab.made
    client.drop()
    for _ in range(200):
        chat.send("x" * 1000)
    lab.wait(1)
    assert lab.log[-1] == ("close", (1008, "Slow consumer"))
    assert not lab.router.suspended
    client.come()
    assert client.events == ["started", "fresh"]
    lab.end()


def test_a_client_that_acknowledges_nothing_is_sent_no_more() -> None:
    lab = Lab(send_limit=100_000)
    client = lab.client()
    (chat,) = lab.made
    client.acknowledges = False
    for _ in range(80):
        chat.send("x" * 1000)
        lab.wait(0)
    client.read()
    held = len(client.got)
    assert held == 47  # the half of what may be kept
    client.acknowledges = True
    client.read()
    client.read()
    assert len(client.got) == 80
    client.acknowledges = False
    for _ in range(400):
        chat.send("x" * 1000)
        lab.wait(0)
    assert lab.log[-1] == ("close", (1008, "Slow consumer"))
    lab.end()


@pytest.mark.parametrize(
    ("limit", "kept", "window"), [(200_000, 3000, 64 * 1024), (60_000, 1008, 30_000)]
)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_was_kept_is_sent_as_it_is_acknowledged_and_not_all_at_once(
    transport: str, limit: int, kept: int, window: int
) -> None:
    lab = Lab(send_limit=limit)
    client = lab.client(transport)
    (chat,) = lab.made
    client.drop()
    sent = [str(n % 10) for n in range(kept)]  # nearly as much as may be
    for text in sent:
        chat.send(text)
    client.acknowledges = False
    client.come()
    lab.wait(1)
    client.read()
    assert len(client.got) == window // 65 + 1
    client.acknowledges = True
    for _ in range(10):
        client.read()
        lab.wait(0.1)
    assert client.got == sent
    assert client.events == ["started", "continued"]
    lab.end()


def test_what_came_is_acknowledged_soon_and_at_the_latest_after_a_second(lab: Lab) -> None:
    client = lab.client()
    for n in range(16):
        client.send(str(n))
    client.read()
    assert client.acked == 16
    client.send("one more")
    client.read()
    assert client.unacked == ["one more"]
    lab.wait(1.1)
    client.read()
    assert client.unacked == []
    lab.end()


@pytest.mark.parametrize("setting", ["max_sessions", "max_sessions_per_ip"])
def test_those_who_are_away_have_a_place_and_leave_none_for_others(setting: str) -> None:
    lab = Lab(**{setting: 2})
    client, other = lab.client(), lab.client()
    client.drop()
    other.drop()
    late = lab.client()
    assert late.events == []
    assert late.client is not None
    code, reason = late.client.close_reason or (0, "")
    assert code == 1013
    assert reason in ("No new sessions now.", "Too many sessions from this address.")
    assert sum(lab.router.stats.refusals.values()) == 1
    client.come()
    other.come()
    assert client.events == other.events == ["started", "continued"]
    with pytest.raises(BadAnswer):  # by those that are there it is refused at the door
        connect(lab.router, query="resume=1")
    client.drop()
    other.drop()
    lab.wait(61)
    assert lab.client().events == lab.client().events == ["started"]
    lab.end()


def test_a_client_that_comes_back_again_and_again_can_not_fill_the_memory() -> None:
    lab = Lab(mailbox_limit=10_000)
    client = lab.client()
    (chat,) = lab.made
    gate: Any = Deferred()
    lab.connection.on_message = lambda self, message: gate
    client.send("this takes long")
    refused = 0
    for _ in range(200):
        client.client = None
        client.come()
        assert client.client is not None
        if client.client.is_open:
            client.send("x" * 1000)
        else:
            refused += 1
            assert client.client.close_reason == (1013, "Try again later")
    assert refused > 180
    assert 10_000 < chat.session.waiting[0] < 12_000
    gate.callback(None)
    lab.wait(0)
    client.come()
    assert "over" not in client.events[-1]
    assert lab.log.count("resume") == 201 - refused
    lab.end()


def _alive(*types: type) -> list[int]:
    """Return how many objects there are of each type."""
    gc.collect()
    all_types = Counter(map(type, gc.get_objects()))
    return [all_types[each] for each in types]


def test_of_a_client_that_is_away_no_connection_stays_and_after_its_time_nothing(lab: Lab) -> None:
    types = (lab.connection, ResumableSession, Carrier, ResumedReceiver)
    before = _alive(*types)  # of other tests
    for transport in TRANSPORTS:
        lab.client(transport).drop()
    for _ in range(2):  # when one comes back, what the connection before was is gone, too
        client = lab.client()
        client.drop()
        client.come()
        client.drop()
    del client
    lab.wait(6)  # HTTP clients are known to be gone
    lab.made.clear()
    number = len(TRANSPORTS) + 2
    assert len(lab.router.suspended) == number
    added = [now - then for now, then in zip(_alive(*types), before)]
    assert added == [number, number, 0, 0]
    assert not lab.router.sessions
    lab.wait(61)
    assert _alive(*types) == before
    assert not lab.router.suspended
    lab.end()


def test_rooms_are_kept(lab: Lab) -> None:
    client, other = lab.client(), lab.client()
    for chat in lab.made:
        chat.join("tea")
    client.drop()
    lab.made[1].room("tea").send("for all")
    lab.wait(0.1)
    client.come()
    for each in (client, other):
        each.read()
        assert each.got == ["for all"]
    lab.end()


@pytest.mark.parametrize("away", [False, True])
def test_at_a_stop_each_ends_once(lab: Lab, away: bool) -> None:
    client = lab.client()
    client.send("acknowledged or not")
    if away:
        client.drop()
    done: list[Any] = []
    lab.router.close(1012, "Service restart").addCallback(done.append)
    lab.wait(60)
    assert done == [None]
    assert [each for each in lab.log if each[0] == "close"] == [
        ("close", (1012, "Service restart"))
    ]
    lab.end()


def test_an_error_ends_its_own_session() -> None:
    class Broken(Chat):
        def on_resume(self, info: Any) -> None:
            raise RuntimeError("no")

    lab = Lab(Broken)
    client = lab.client()
    client.drop()
    client.come()
    client.read()
    assert client.events == ["started", "continued", "over 1011 Internal error"]
    assert lab.log[-1][0] == "close"
    lab.end()


def test_one_that_refuses_in_on_open_is_over(lab: Lab) -> None:
    lab.connection.on_open = lambda self, info: False
    client = lab.client()
    assert client.events == ["started", "over 3000 Go away!"]
    assert not lab.router.suspended  # nor does it take a place from others for a while
    lab.end()


@settings(deadline=None)
@given(STEPS)
def test_whatever_is_lost_each_side_gets_all_once_and_in_order(steps: Any) -> None:
    lab = Lab()
    client = lab.client()
    (chat,) = lab.made
    follow(steps, client, chat, lambda n: client.come(TRANSPORTS[n]), lab.wait)
    assert lab.made == [chat]
    lab.end()


def test_a_stop_does_not_wait_for_who_has_not_heard_of_the_end(lab: Lab) -> None:
    client = lab.client()
    (chat,) = lab.made
    client.drop()
    chat.close(4001, "Enough")
    lab.wait(0.1)
    assert lab.log[-1] == ("close", (4001, "Enough"))
    lab.end()
