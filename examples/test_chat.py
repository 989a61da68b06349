"""How to test an application: clients in memory, and a clock that the test moves.

Run it with ``python -m pytest test_chat.py``.
"""

import pytest
from chat import Chat
from twisted.internet.task import Clock

from txsockjs import SockJSRouter, testing


@pytest.fixture
def router():
    router = SockJSRouter(Chat, "/chat", reactor=Clock())
    yield router
    testing.settle(router)  # everybody is gone, and nothing is left on the clock


@pytest.mark.parametrize("transport", testing.TRANSPORTS)
def test_everyone_hears_what_the_moderator_lets_through(router, transport):
    ann, bob = testing.connect(router, transport), testing.connect(router)
    bob.send("darn it")
    assert ann.take() == ["someone joined", "d*** it"]
    bob.close()
    ann.advance(1)
    assert ann.take() == ["someone left"]


def test_whoever_vanishes_is_missed(router):
    ann, bob = testing.connect(router), testing.connect(router, "xhr")
    bob.half_open()
    ann.advance(60)  # a minute on the clock, and no time at all
    assert ann.messages == ["someone joined", "someone left"]
