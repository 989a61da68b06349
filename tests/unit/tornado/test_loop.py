"""What programs pass as Tornado's loop, and the reactor that is meant."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.task import Clock

from txsockjs.tornado.loop import reactor_of


def test_a_reactor_is_taken_as_it_is() -> None:
    clock = Clock()
    assert reactor_of(clock) is clock


@pytest.mark.parametrize("loop", [None, object()])
def test_all_else_means_the_global_reactor(loop: Any) -> None:
    assert reactor_of(loop) is reactor
