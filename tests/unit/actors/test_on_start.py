"""What connections share: prepared before there are any, undone after the last."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.errors import SettingsError
from txsockjs.multiplex import MultiplexConnection


class Plain(SockJSConnection):
    called: list[Any]

    @classmethod
    def on_start(cls, router: Any) -> object:
        cls.called.append("start")
        return None

    @classmethod
    def on_stop(cls, router: Any) -> object:
        cls.called.append("stop")
        return None


class Waiting(Plain):
    waiting: Deferred[None]

    @classmethod
    def on_start(cls, router: Any) -> object:
        cls.waiting = Deferred()
        return cls.waiting.addCallback(lambda _: cls.called.append("start"))


class Coroutine(Plain):
    waiting: Deferred[None]

    @classmethod
    async def on_start(cls, router: Any) -> None:  # type: ignore[override]
        cls.waiting = Deferred()
        await cls.waiting
        cls.called.append("start")


def router_of(base: type[SockJSConnection]) -> tuple[SockJSRouter, list[Any]]:
    called: list[Any] = []
    connection = type(base.__name__, (base,), {"called": called})
    return SockJSRouter(connection, reactor=Clock()), called


def run(coroutine: Any) -> list[Any]:
    done: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(done.append)
    return done


def test_a_plain_one_is_done_at_once() -> None:
    router, called = router_of(Plain)
    assert run(router.start()) == [None]
    assert run(router.stop()) == [None]
    assert called == ["start", "stop"]


@pytest.mark.parametrize("base", [Waiting, Coroutine])
def test_one_that_takes_its_time_is_waited_for(base: type[Any]) -> None:
    router, called = router_of(base)
    done = run(router.start())
    assert (done, called) == ([], [])
    router.get_connection_class().waiting.callback(None)  # type: ignore[attr-defined]
    assert (done, called) == ([None], ["start"])


def test_what_was_not_started_is_not_stopped_and_nothing_is_twice() -> None:
    router, called = router_of(Plain)
    run(router.stop())
    run(router.start())
    run(router.stop())
    run(router.stop())
    assert called == ["start", "stop"]


def test_what_it_raises_is_raised() -> None:
    class Failing(SockJSConnection):
        @classmethod
        def on_start(cls, router: Any) -> None:
            raise KeyError("pool")

    router, _ = router_of(Failing)
    (failure,) = run(router.start())
    assert failure.check(KeyError)


def test_the_classes_of_all_channels_are_started_and_stopped_once() -> None:
    called: list[Any] = []
    first = type("First", (Plain,), {"called": called})
    second = type("Second", (Waiting,), {"called": called})
    multiplexed = MultiplexConnection.get(a=first, b=second, c=first)
    router = SockJSRouter(multiplexed, reactor=Clock())
    done = run(router.start())
    assert done == []
    second.waiting.callback(None)
    assert done == [None]
    run(router.stop())
    assert called == ["start", "start", "stop", "stop"]


def test_if_a_channel_can_not_be_started_those_before_are_stopped() -> None:
    called: list[Any] = []

    class Failing(SockJSConnection):
        @classmethod
        def on_start(cls, router: Any) -> None:
            raise KeyError("pool")

    first = type("First", (Plain,), {"called": called})
    last = type("Last", (Plain,), {"called": called})
    multiplexed = MultiplexConnection.get(a=first, b=Failing, c=last)
    router = SockJSRouter(multiplexed, reactor=Clock())
    (failure,) = run(router.start())
    assert failure.check(KeyError)
    run(router.stop())
    assert called == ["start", "stop"]


def on_instance(self: Any, router: Any) -> None:
    """A method of an instance, which there is not."""


@classmethod  # type: ignore[misc]
def without_router(cls: Any) -> None:
    """A class method that can't be called."""


@pytest.mark.parametrize("name", ["on_start", "on_stop"])
@pytest.mark.parametrize(
    ("method", "words"),
    [
        (on_instance, "must be a class method: @classmethod"),
        (without_router, r"must take \(cls, router\), not \(cls: 'Any'\) -> 'None'"),
    ],
)
def test_what_can_not_be_called_is_refused(name: str, method: Any, words: str) -> None:
    connection = type("App", (SockJSConnection,), {name: method})
    with pytest.raises(SettingsError, match=f"App.{name} {words}"):
        SockJSRouter(connection, reactor=Clock())


@pytest.mark.parametrize("method", [staticmethod(lambda router: None), lambda router: None])
def test_any_callable_of_a_class_will_do(method: Any) -> None:
    if not isinstance(method, staticmethod):
        method = classmethod(lambda cls, router: None)
    connection = type("App", (SockJSConnection,), {"on_start": method})
    assert run(SockJSRouter(connection, reactor=Clock()).start()) == [None]
