"""What is under way to a client; tests/unit/test_resume.py has it with sessions and clients."""

from __future__ import annotations

import pytest

from txsockjs.transports.resuming.under_way import UnderWay
from txsockjs.wire.resumption import BadEnvelope


def test_what_is_acknowledged_makes_room() -> None:
    under_way = UnderWay(1000)
    under_way.add(["x" * 436, "y" * 500])
    assert (under_way.sent, under_way.room, under_way.is_half_free) == (2, -64, False)
    under_way.acknowledged(0)
    under_way.acknowledged(1)
    assert (under_way.sent, under_way.room, under_way.is_half_free) == (2, 436, False)
    under_way.acknowledged(2)
    assert (under_way.acked, under_way.room, under_way.is_half_free) == (2, 1000, True)


@pytest.mark.parametrize("number", [0, 4])
def test_what_was_not_sent_or_was_acknowledged_before_is_none(number: int) -> None:
    under_way = UnderWay(1000)
    under_way.add(["a", "b", "c"])
    under_way.acknowledged(1)
    with pytest.raises(BadEnvelope, match="it acknowledges what it can't have"):
        under_way.acknowledged(number)
    assert under_way.acked == 1


def test_what_may_be_lost_is_taken_back() -> None:
    under_way = UnderWay(1000)
    under_way.add(["a", "b", "c"])
    under_way.acknowledged(1)
    assert under_way.take_back() == (["b", "c"], 130)
    assert (under_way.acked, under_way.sent, under_way.room) == (1, 1, 1000)
