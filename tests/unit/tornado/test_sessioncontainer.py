"""Sessions by id, with an expiry that begins anew when they are used."""

from __future__ import annotations

import time

from twisted.internet.task import Clock

from txsockjs.tornado.sessioncontainer import SessionContainer, SessionMixin


def test_one_without_an_id_gets_one_that_can_not_be_guessed() -> None:
    first, second = SessionMixin(), SessionMixin()
    assert len(first.session_id) == 32
    assert first.session_id != second.session_id
    assert SessionMixin("abc").session_id == "abc"


def test_one_without_an_expiry_lives_for_ever() -> None:
    clock = Clock()
    session = SessionMixin("abc", None, clock.seconds)
    clock.advance(1e9)
    assert session.is_alive()
    assert session.expiry_date is None


def test_an_expiry_counts_from_its_last_promotion() -> None:
    clock = Clock()
    session = SessionMixin("abc", 5, clock.seconds)
    clock.advance(4)
    session.promote()
    assert session.expiry_date == 9
    clock.advance(4)
    assert session.is_alive()
    clock.advance(1)
    assert not session.is_alive()


def test_its_clock_is_a_monotonic_one_unless_given() -> None:
    assert SessionMixin().clock is time.monotonic


def test_a_container_holds_it_until_it_expires_or_is_removed() -> None:
    clock = Clock()
    deleted: list[tuple[str, bool]] = []

    class Session(SessionMixin):
        def on_delete(self, forced: bool) -> None:
            deleted.append((self.session_id, forced))

    container = SessionContainer(clock.seconds)
    for name in ("a", "b", "c"):
        container.add(Session(name, 5, clock.seconds))  # type: ignore[arg-type]
    container.remove("a")
    assert deleted == [("a", True)]
    clock.advance(6)
    container.expire()
    assert sorted(deleted) == [("a", True), ("b", False), ("c", False)]
    assert len(container) == 0
