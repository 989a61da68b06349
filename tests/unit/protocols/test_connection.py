"""What makes a connection class of a factory; what it does is in `test_transport`."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from txsockjs import SettingsError, SockJSRouter, testing
from txsockjs.protocols.connection import connection_class


@pytest.mark.parametrize("wrong", ["no-such", "hex", "undefined", "a\0b", "", 7])
def test_a_fallback_encoding_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(SettingsError, match=r"fallback_encoding must be .*, not "):
        connection_class(Factory(), wrong)


@pytest.mark.parametrize("right", ["latin-1", "replace", None])
def test_an_encoding_replace_and_none_are_taken(right: Any) -> None:
    assert connection_class(Factory(), right).fallback_encoding == right  # type: ignore[attr-defined]


def test_what_builds_no_protocols_is_refused() -> None:
    with pytest.raises(TypeError, match=r"factory must have a buildProtocol, .* not <class"):
        connection_class(Protocol)


class Counted(Factory):
    """A factory that notes when it is started and stopped."""

    noisy = False
    protocol = Protocol

    def __init__(self) -> None:
        self.told: list[str] = []

    def startFactory(self) -> None:
        self.told.append("started")

    def stopFactory(self) -> None:
        self.told.append("stopped")


def test_the_factory_is_started_and_stopped_with_what_serves_it() -> None:
    factory = Counted()
    router = SockJSRouter(connection_class(factory), reactor=Clock())
    testing.connect(router)
    testing.connect(router)
    assert factory.told == ["started"]
    testing.settle(router)
    assert factory.told == ["started", "stopped"]
