"""What holds for an exchange whatever brings its request: its head, its end, its peer."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs.http.exchange import REASONS, Exchange, Head


class Minimal(Exchange):
    """Only what `Exchange` itself does; notes when the response is complete."""

    is_secure = address = server_address = None  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def _complete(self) -> None:
        self.heard.append("complete")

    def _nothing(self, *arguments: Any) -> Any:
        raise AssertionError("it is not asked for this")

    body_size = take_body = set_peer_timeout = start = write = answer = _nothing
    close_connection = abort = take_over = _nothing


def make_exchange() -> Minimal:
    exchange = Minimal()
    exchange.watch(lambda: exchange.heard.append("lost"), lambda: exchange.heard.append("drained"))
    exchange.when_ended(lambda: exchange.heard.append("ended"))
    return exchange


def test_a_head_is_made_of_bytes_once() -> None:
    head = Head(200, [(b"A", b"b"), (b"C", b"d")])
    assert head.lines == b"A: b\r\nC: d\r\n"
    more = head.plus((b"E", b"f"))
    assert (more.status, more.lines) == (200, b"A: b\r\nC: d\r\nE: f\r\n")
    assert head.headers == ((b"A", b"b"), (b"C", b"d"))


@pytest.mark.parametrize(("status", "words"), [(200, b"OK"), (426, b"Upgrade Required")])
def test_statuses_have_their_words(status: int, words: bytes) -> None:
    assert REASONS[status] == words


def test_an_end_comes_in_this_order_and_once() -> None:
    exchange = make_exchange()
    exchange.end(lambda: exchange.heard.append("last"))
    assert exchange.heard == ["last", "ended", "complete"]
    exchange.end(lambda: exchange.heard.append("last"))
    exchange.lost()
    assert exchange.heard == ["last", "ended", "complete"]


def test_an_end_waits_until_the_peer_reads() -> None:
    exchange = make_exchange()
    exchange.pauseProducing()
    exchange.end()
    assert (exchange.ended, exchange.heard) == (False, [])
    exchange.resumeProducing()
    assert (exchange.ended, exchange.heard) == (True, ["ended", "complete"])


def test_a_peer_that_reads_again_is_told_of_while_there_is_more_to_come() -> None:
    exchange = make_exchange()
    exchange.pauseProducing()
    assert not exchange.ready
    exchange.resumeProducing()
    assert exchange.ready
    assert exchange.heard == ["drained"]


def test_a_peer_that_vanishes_completes_nothing() -> None:
    exchange = make_exchange()
    exchange.pauseProducing()
    exchange.end(lambda: exchange.heard.append("last"))
    exchange.lost()
    assert exchange.heard == ["lost", "ended"]
    exchange.resumeProducing()
    assert exchange.heard == ["lost", "ended"]


def test_a_transport_that_gives_its_producer_up_writes_nothing_more() -> None:
    exchange = make_exchange()
    exchange.stopProducing()
    assert not exchange.ready


@pytest.mark.parametrize(("address", "peer"), [(None, ""), (Head(200), "")])
def test_an_address_without_a_host_is_empty(address: Any, peer: str) -> None:
    exchange = make_exchange()
    exchange.address = address  # type: ignore[misc]
    assert exchange.peer == peer
