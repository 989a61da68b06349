"""What a node serves for others: when a request is served, refused, and over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txsockjs.cluster.claims import Claims
from txsockjs.cluster.memory import MemoryNetwork
from txsockjs.cluster.serving import Serving, make_way
from txsockjs.errors import NotFound
from txsockjs.http.exchange import Head
from txsockjs.settings import Settings
from txsockjs.wire import relay as wire

from .test_remote import DESCRIBED

DELAY = 0.01
OK = Head(204)


class Page:
    """Keeps what it is to serve."""

    def __init__(self) -> None:
        self.served: list[tuple[Any, str]] = []

    def serve(self, exchange: Any, session_id: str) -> None:
        self.served.append((exchange, session_id))


class Lab:
    """A node that serves for ``edge``, which keeps what it is told."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, DELAY)
        self.bus, self.other = self.network.bus(), self.network.bus()
        self.bus.start()
        self.other.start()
        self.pass_time()
        self.claims = Claims(self.bus, self.clock, "", 5.0)
        self.page = Page()
        self.sessions: dict[str, Any] = {}
        self.settings = Settings(**settings)
        self.pages = {"xhr_send": self.page}
        self.counters: Counter[str] = Counter()
        self.told: list[tuple[str, int, int, bytes]] = []
        router: Any = self
        self.serving = Serving(router, self.claims, self.counters, lambda n: partial(self._post, n))

    def _post(self, node: str, frame: bytes, urgent: bool = False) -> None:
        self.told.append((node, *wire.split(frame)))

    def pass_time(self, seconds: float = 0.1) -> None:
        self.clock.pump([DELAY] * round(seconds / DELAY))

    def request(
        self,
        number: int = 1,
        body: bytes = b"",
        size: int | None = None,
        opens: bool = False,
        node: str = "edge",
        **described: Any,
    ) -> None:
        description = wire.describe(DESCRIBED._replace(**described))
        size = len(body) if size is None else size
        frame = wire.request(number, description, opens, size, body)
        _, _, payload = wire.split(frame)
        self.serving.told(node, wire.REQUEST, number, payload)

    def tell(self, kind: int, number: int = 1, payload: bytes = b"", node: str = "edge") -> None:
        self.serving.told(node, kind, number, payload)

    def taken(self, kind: int, number: int = 1, taken: int = 0) -> None:
        self.tell(kind, number, wire.split(wire.told(kind, number, taken))[2])

    def have_session(self, session_id: str = "abc") -> None:
        self.sessions[session_id] = object()


@pytest.fixture
def lab() -> Any:
    lab = Lab()
    yield lab
    lab.bus.stop()
    lab.other.stop()
    assert lab.clock.getDelayedCalls() == []


# -- which requests are served


def test_a_request_for_a_session_of_this_node_is_served_by_its_page(lab: Lab) -> None:
    lab.have_session()
    lab.request(body=b"body")
    ((exchange, session_id),) = lab.page.served
    assert (session_id, exchange.take_body(), lab.told) == ("abc", b"body", [])
    assert lab.counters == {"requests_served": 1}


def test_a_session_that_is_not_here_is_absent_and_not_404(lab: Lab) -> None:
    lab.request(number=9)
    assert lab.page.served == []
    assert lab.told == [("edge", wire.ABSENT, 9, b"")]
    lab.taken(wire.LOST, 9)  # its edge says nothing more of it, or what is of no use


def test_one_that_may_open_a_session_claims_it_first(lab: Lab) -> None:
    lab.request(opens=True)
    assert lab.page.served == []
    lab.pass_time()
    assert [session_id for _, session_id in lab.page.served] == ["abc"]
    assert "abc" in lab.claims
    assert lab.told == []


def test_one_that_may_open_a_session_which_another_node_has_by_now_is_absent(lab: Lab) -> None:
    lab.other.claim("abc")
    lab.pass_time()
    lab.request(opens=True)
    lab.pass_time()
    assert lab.page.served == []
    assert lab.told == [("edge", wire.ABSENT, 1, b"")]


def test_one_whose_claim_can_not_be_made_in_time_is_absent(lab: Lab) -> None:
    lab.network.cut(lab.bus)
    lab.request(opens=True)
    lab.pass_time(5.1)
    assert lab.told == [("edge", wire.ABSENT, 1, b"")]


def test_one_waits_for_a_claim_that_is_under_way(lab: Lab) -> None:
    claimed: Any = type("Exchange", (), {"watch": lambda self, lost: None})()
    lab.claims.claim(claimed, "abc")
    lab.request()
    assert (lab.page.served, lab.told) == ([], [])
    lab.pass_time()
    assert len(lab.page.served) == 1


def test_one_that_ends_while_it_waits_is_not_served(lab: Lab) -> None:
    lab.request(opens=True)
    lab.taken(wire.LOST)
    lab.pass_time()
    assert (lab.page.served, lab.told) == ([], [])


def test_a_page_that_there_is_not_is_no_frame(lab: Lab) -> None:
    with pytest.raises(wire.BadFrame, match="there is no page 'tea'"):
        lab.request(name="tea")
    lab.have_session()
    lab.request()  # nothing is left of the other with this number
    assert len(lab.page.served) == 1


# -- bodies


def test_a_request_is_served_once_its_body_is_here_and_each_piece_is_acknowledged(
    lab: Lab,
) -> None:
    lab.have_session()
    lab.request(number=3, body=b"ab", size=6)
    lab.tell(wire.BODY, 3, b"cd")
    assert lab.page.served == []
    assert lab.told == [("edge", wire.TAKEN, 3, b"\0\0\0\2")] * 2
    lab.tell(wire.BODY, 3, b"ef")
    ((exchange, _),) = lab.page.served
    assert exchange.take_body() == b"abcdef"
    assert len(lab.told) == 2  # nobody waits to send more
    lab.tell(wire.BODY, 3, b"late")
    assert exchange.take_body() == b""


def test_what_is_too_large_is_refused_before_it_comes() -> None:
    lab = Lab(max_body_size=1000, max_message_size=1000)
    lab.have_session()
    lab.request(body=b"ab", size=1001)
    ((exchange, _),) = lab.page.served
    assert exchange.body_size() == 1001
    lab.request(number=2, body=b"ab", size=1000)
    assert len(lab.page.served) == 1


def test_whether_it_may_open_a_session_is_kept_until_its_body_is_here(lab: Lab) -> None:
    lab.request(body=b"ab", size=4, opens=True)
    lab.pass_time()
    assert "abc" not in lab.claims
    lab.tell(wire.BODY, 1, b"cd")
    lab.pass_time()
    assert "abc" in lab.claims
    assert len(lab.page.served) == 1


def test_a_body_of_an_unknown_request_is_dropped(lab: Lab) -> None:
    lab.tell(wire.BODY, 5, b"x")
    assert lab.told == []


# -- what edges tell


def served(lab: Lab, number: int = 1, node: str = "edge") -> tuple[Any, list[Any]]:
    """Have a request served; return its exchange, and what is told to whoever answers it."""
    lab.have_session()
    lab.request(number, node=node)
    exchange, _ = lab.page.served[-1]
    told: list[Any] = []
    exchange.watch(lost=lambda: told.append("lost"), drained=lambda: told.append("drained"))
    return exchange, told


def test_credit_goes_to_its_exchange(lab: Lab) -> None:
    exchange, told = served(lab)
    exchange.start(OK)
    exchange.write(b"x" * 100_000)
    assert not exchange.ready
    _, _, payload = wire.split(wire.number(wire.CREDIT, 1, 100_000))
    lab.tell(wire.CREDIT, 1, payload)
    assert (exchange.ready, told) == (True, ["drained"])


def test_one_that_was_taken_is_over(lab: Lab) -> None:
    exchange, told = served(lab)
    last: list[str] = []
    exchange.answer(OK, b"", lambda: last.append("last"))
    lab.taken(wire.DONE)
    assert (exchange.ended, last, told) == (True, ["last"], [])
    lab.taken(wire.DONE)
    assert last == ["last"]


def test_one_whose_client_is_gone_is_lost_with_what_was_taken(lab: Lab) -> None:
    exchange, _ = served(lab)
    untaken: list[Any] = []
    nothing: Callable[[], None] = lambda: None  # noqa: E731
    exchange.when_told(lambda *heard: untaken.append(heard), nothing, nothing)
    exchange.start(OK)
    lab.taken(wire.LOST, 1, 17)
    assert untaken == [(17, True)]
    assert exchange.ended


def test_an_edge_answers_that_its_client_is_there(lab: Lab) -> None:
    exchange, _ = served(lab)
    exchange.ask()
    assert lab.told == [("edge", wire.ASK, 1, b"")]
    lab.tell(wire.HERE)
    assert not exchange.is_silent


def test_a_loss_that_overtakes_its_request_is_remembered_until_it_comes(lab: Lab) -> None:
    lab.have_session()
    lab.request(1)
    lab.taken(wire.LOST, 2)
    lab.request(2)
    lab.request(3)
    assert [exchange._stream for exchange, _ in lab.page.served] == [1, 3]
    assert not lab.serving._ended_early


def test_a_loss_of_what_is_over_already_is_not_remembered(lab: Lab) -> None:
    exchange, _ = served(lab, 5)
    exchange.answer(OK)
    lab.taken(wire.LOST, 5)
    lab.taken(wire.LOST, 4)
    assert not lab.serving._ended_early


# -- nodes


@pytest.mark.parametrize("lives", [False, True])
def test_what_a_lost_node_is_the_edge_of_is_lost(lab: Lab, lives: bool) -> None:
    first, told = served(lab, 1)
    other, others_told = served(lab, 1, node="another")
    lab.request(2, body=b"x", size=5)
    lab.taken(wire.LOST, 9)
    lab.serving.lost("edge", lives)
    assert (told, others_told) == (["lost"], [])
    assert (first.is_given_up, other.is_given_up) == (lives, False)
    assert list(lab.serving._remotes) == [("another", 1)]
    assert not lab.serving._collecting and not lab.serving._ended_early
    served(lab, 1)  # a new life of this edge begins to count anew
    assert len(lab.page.served) == 3


def test_what_can_be_ended_is_let_go(lab: Lab) -> None:
    receiver, _ = served(lab, 1)
    served(lab, 2)  # a sender, which nobody lets go
    let_go: list[str] = []
    receiver.when_told(lambda *heard: None, lambda: let_go.append("let go"), lambda: None)
    lab.serving.let_go()
    assert let_go == ["let go"]


# -- a receiver in the place of another one


class Receiver:
    """A receiver that other requests wait for; ``leaving`` is whether its answer is on its way."""

    def __init__(self, session: Any, leaving: bool = False) -> None:
        self.session = session
        self.is_leaving = leaving
        self.is_silent = False
        self.happened: list[Any] = []
        self.sure: Any = None
        self.left: Any = None

    def ask(self) -> None:
        self.is_silent = True
        self.happened.append("asked")

    def when_sure(self, call: Callable[[], None]) -> None:
        self.sure = call

    def when_left(self, call: Callable[[], None]) -> None:
        self.left = call

    def miss(self, sure: bool) -> None:
        self.happened.append(("missed", sure))
        self.session.relayed_receiver = None


class Session:
    relayed_receiver: Any = None


class Request:
    """A request whose client may leave."""

    ended = False
    lost: Any = None

    def watch(self, lost: Callable[[], None]) -> None:
        self.lost = lost


class Way:
    """A session with a receiver, and a request that wants to take its place."""

    def __init__(self, lab: Lab, leaving: bool = False, receiver: bool = True) -> None:
        self.session = Session()
        self.receiver: Any = Receiver(self.session, leaving)
        if receiver:
            self.session.relayed_receiver = self.receiver
        self.request = Request()
        self.done: list[Any] = []
        request: Any = self.request
        making = make_way(self.session, request, lab.claims, lab.bus)
        Deferred.fromCoroutine(making).addBoth(self.done.append)


def test_where_there_is_no_receiver_the_way_is_free(lab: Lab) -> None:
    assert Way(lab, receiver=False).done == [None]


def test_a_receiver_whose_client_is_there_stays(lab: Lab) -> None:
    way = Way(lab)
    assert (way.receiver.happened, way.done) == (["asked"], [])
    way.receiver.is_silent = False
    way.receiver.sure()
    assert way.done == [None]
    assert way.session.relayed_receiver is way.receiver  # the session refuses a second one


def test_a_receiver_whose_client_is_gone_makes_way(lab: Lab) -> None:
    way = Way(lab)
    way.session.relayed_receiver = None
    way.receiver.is_silent = False
    way.receiver.sure()
    assert way.done == [None]
    assert way.receiver.happened == ["asked"]


@pytest.mark.parametrize("connected", [True, False])
def test_a_receiver_of_which_nothing_is_heard_is_missed(lab: Lab, connected: bool) -> None:
    way = Way(lab)
    if not connected:
        lab.network.cut(lab.bus)
    lab.pass_time(1.9)
    assert way.done == []
    lab.pass_time(0.3)
    assert way.receiver.happened == ["asked", ("missed", connected)]
    assert way.done == [None]


def test_an_answer_that_is_on_its_way_is_waited_for(lab: Lab) -> None:
    way = Way(lab, leaving=True)
    lab.pass_time(4)
    assert way.done == []
    way.session.relayed_receiver = None
    way.receiver.is_silent = False
    way.receiver.left()
    assert way.done == [None]
    assert way.receiver.happened == ["asked"]


def test_a_client_that_leaves_while_it_waits_is_answered_nothing(lab: Lab) -> None:
    way = Way(lab)
    way.request.ended = True
    way.request.lost()
    (failure,) = way.done
    assert failure.check(NotFound)


def test_the_way_is_made_past_a_few_receivers_and_no_more(lab: Lab) -> None:
    way = Way(lab)
    for _ in range(3):
        assert way.done == []
        current = way.session.relayed_receiver
        way.session.relayed_receiver = Receiver(way.session)
        current.is_silent = False
        current.sure()
    assert way.done == [None]
    assert way.session.relayed_receiver.happened == []
