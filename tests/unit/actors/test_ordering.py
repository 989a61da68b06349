"""Any interleaving: nothing is lost, doubled or reordered, and each session ends once."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import integers, lists, sampled_from
from twisted.internet.defer import Deferred

from txsockjs.actors.session import BaseSession, Session
from txsockjs.actors.states import EXPIRE, RECEIVED, State

from ...support.fakes import FakeReceiver, FakeServer, make_session, settle
from ...support.speed import examples


class Conversation(RuleBasedStateMachine):
    """One session, its client, its application and the clock, doing anything in any order."""

    session: Any
    server: FakeServer

    @initialize(kind=sampled_from([Session, BaseSession]), immediate=sampled_from([True, False]))
    def open(self, kind: type[BaseSession], immediate: bool) -> None:
        self.session, self.server = make_session(kind, immediate_flush=immediate)
        self.kind = kind
        self.sent: list[str] = []  # by the application, while the session was open
        self.said: list[str] = []  # by the client, likewise
        self.gates: list[Deferred[None]] = []
        self.slow = False
        self.closed_by: str | None = None
        self.cut_off = False  # the peer vanished, or time was over
        self.ended_at: float | None = None
        self.given_up = False  # a callback did not end within disconnect_delay of the end
        self.server.on_message = self._on_message  # type: ignore[attr-defined]
        self.receivers = [FakeReceiver().attach(self.session)]
        self.recorder = self.server.recorder  # type: ignore[attr-defined]

    def _on_message(self, connection: Any, message: str) -> Any:
        if message.endswith("echo"):
            self._send()
        if message.endswith("close"):
            self._close("application")
        if self.slow:
            self.gates.append(Deferred())
            return self.gates[-1]
        return None

    def _send(self) -> None:
        message = f"s{len(self.sent)}"
        if not self.session.is_closed:
            self.sent.append(message)
        self.session.send(message)

    def _close(self, who: str) -> None:
        if self.closed_by is None:
            self.closed_by = who
        self.session.close()

    @property
    def current(self) -> FakeReceiver | None:
        return self.session._receiver  # type: ignore[no-any-return]

    # -- what happens

    @rule(count=integers(1, 3))
    def the_application_sends(self, count: int) -> None:
        for _ in range(count):
            self._send()

    @rule(kinds=lists(sampled_from(["", "echo", "close"]), min_size=1, max_size=3))
    def the_client_sends(self, kinds: list[str]) -> None:
        messages = [f"c{len(self.said) + n} {kind}" for n, kind in enumerate(kinds)]
        if self.session.is_open:
            self.said.extend(messages)
        self.session.tell(RECEIVED, messages)

    @rule(slow=sampled_from([True, False]))
    def the_application_becomes(self, slow: bool) -> None:
        self.slow = slow

    @precondition(lambda self: self.gates)
    @rule()
    def a_callback_is_done(self) -> None:
        gate = self.gates.pop(0)
        if not gate.called:
            gate.callback(None)

    @precondition(lambda self: self.kind is Session)
    @rule(room=sampled_from([1, 1, 2, 5, 100]))
    def a_receiver_comes(self, room: int) -> None:
        if self.session.state is not State.CLOSED:
            self.receivers.append(FakeReceiver(room).attach(self.session))

    @precondition(lambda self: self.current is not None)
    @rule()
    def the_receiver_stalls(self) -> None:
        assert self.current is not None
        self.current.stall()

    @precondition(lambda self: self.current is not None and not self.current.ready)
    @rule()
    def the_receiver_drains(self) -> None:
        assert self.current is not None
        if self.current.room > 0 and not any(f.startswith("c") for f in self.current.heard):
            self.current.drain()

    @precondition(lambda self: self.current is not None)
    @rule()
    def the_receiver_vanishes(self) -> None:
        assert self.current is not None
        self.cut_off = True
        if self.closed_by is None:
            self.closed_by = "peer"
        self.current.vanish()

    @rule()
    def the_application_closes(self) -> None:
        self._close("application")

    @rule(seconds=integers(0, 30))
    def time_goes_by(self, seconds: int) -> None:
        if self.session.is_closed and self.ended_at is None:
            self.ended_at = self.server.reactor.seconds()
        self.server.reactor.advance(seconds)
        if any(gate.called for gate in self.gates):
            assert self.ended_at is not None
            waited = self.server.reactor.seconds() - self.ended_at
            assert waited >= self.server.settings.disconnect_delay
            self.given_up = True
        date = self.session.expiry_date
        expired = date is not None and date <= self.server.reactor.seconds()
        if expired and self.session.state is not State.CLOSED:
            self.cut_off = True
        self.server.sessions.expire()

    @precondition(lambda self: self.kind is Session)
    @rule()
    def time_is_over(self) -> None:
        if self.current is None:
            self.cut_off = True
            self.session.tell(EXPIRE)

    # -- what always holds

    @invariant()
    def the_client_hears_the_messages_in_order_and_once(self) -> None:
        heard = [message for receiver in self.receivers for message in receiver.delivered]
        assert heard == self.sent[: len(heard)]

    @invariant()
    def a_close_frame_comes_after_everything_that_was_sent(self) -> None:
        heard = sum(len(receiver.delivered) for receiver in self.receivers)
        closed = [r for r in self.receivers if "c3000 Go away!" in r.heard]
        if closed and not self.cut_off:
            assert heard == len(self.sent)
        for receiver in self.receivers:
            ends = [n for n, frame in enumerate(receiver.heard) if frame.startswith("c")]
            assert ends in ([], [len(receiver.heard) - 1])

    @invariant()
    def the_application_hears_the_messages_in_order_and_once(self) -> None:
        heard = [call for call in self.recorder.calls if call not in ("open", "close")]
        assert heard == self.said[: len(heard)]

    @invariant()
    def on_open_is_first_and_on_close_is_last_and_single(self) -> None:
        calls = self.recorder.calls
        assert calls[0] == "open"
        assert calls.count("open") == 1
        assert calls.count("close") <= 1
        assert "close" not in calls[:-1]

    def teardown(self) -> None:
        if not hasattr(self, "recorder"):
            return
        for gate in self.gates:
            if not gate.called:
                gate.callback(None)
        self.slow = False
        settle(self.server)
        assert self.recorder.calls.count("close") == 1
        if self.closed_by == "peer":
            # Its own doing cut off nothing of what it had said; only time does.
            heard = [call for call in self.recorder.calls if call not in ("open", "close")]
            closed = any("close" in message for message in self.said)
            assert heard == self.said or closed or self.given_up


TestConversation = Conversation.TestCase
TestConversation.settings = settings(
    max_examples=examples(200), stateful_step_count=30, deadline=None
)
