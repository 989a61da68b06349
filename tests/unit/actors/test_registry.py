"""The container and its sliding expiry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from txsockjs.actors.pace import Pace
from txsockjs.tornado.sessioncontainer import SessionContainer, SessionMixin


class Item(SessionMixin):
    deleted: bool | None = None

    def on_delete(self, forced: bool) -> None:
        assert self.deleted is None
        self.deleted = forced


def make_container() -> tuple[SessionContainer, Clock]:
    clock = Clock()
    return SessionContainer(clock.seconds), clock


def test_sessions_are_found_by_id_until_they_are_removed() -> None:
    container, clock = make_container()
    item = Item("a", 5, clock.seconds)
    container.add(item)
    assert container.get("a") is item
    assert list(container) == [item]
    container.remove("a")
    container.remove("a")
    assert item.deleted is True
    assert container.get("a") is None
    assert len(container) == 0


def test_an_id_is_made_that_can_not_be_guessed() -> None:
    first, second = Item(), Item()
    assert len(first.session_id) >= 20
    assert first.session_id != second.session_id


def test_an_id_is_taken_once() -> None:
    container, clock = make_container()
    container.add(Item("a", 5, clock.seconds))
    with pytest.raises(ValueError, match="'a' already"):
        container.add(Item("a", 5, clock.seconds))


def test_an_item_expires_when_its_time_has_come_and_not_before() -> None:
    container, clock = make_container()
    item = Item("a", 5, clock.seconds)
    container.add(item)
    clock.advance(4)
    container.expire()
    assert item.is_alive()
    clock.advance(1)
    assert not item.is_alive()
    container.expire()
    assert item.deleted is False
    assert container.get("a") is None


def test_promoting_moves_the_time_without_an_entry_of_its_own() -> None:
    container, clock = make_container()
    item = Item("a", 5, clock.seconds)
    container.add(item)
    for _ in range(100):
        clock.advance(4)
        item.promote()
        container.expire()
        assert len(container._heap) == 1
    assert item.deleted is None
    clock.advance(5)
    container.expire()
    assert item.deleted is False


def test_as_many_expire_in_a_turn_as_its_pace_allows() -> None:
    container, clock = make_container()
    items = [Item(f"s{number}", 5, clock.seconds) for number in range(25)]
    for item in items:
        container.add(item)
    clock.advance(5)
    left = []
    while container.expire(pace=Pace(10)):
        left.append(len(container))
    assert left == [16, 7]
    assert [item.deleted for item in items] == [False] * 25


def test_without_expiry_it_stays() -> None:
    container, clock = make_container()
    item = Item("a", None, clock.seconds)
    container.add(item)
    container.expire(1e9)
    assert item.deleted is None
    assert item.is_alive()


def test_a_new_item_under_an_old_id_does_not_inherit_the_old_time() -> None:
    container, clock = make_container()
    container.add(Item("a", 5, clock.seconds))
    container.remove("a")
    clock.advance(4)
    item = Item("a", 5, clock.seconds)
    container.add(item)
    clock.advance(1)
    container.expire()
    assert item.deleted is None


def test_the_last_one_to_go_is_told_of() -> None:
    emptied: list[int] = []
    clock = Clock()
    container = SessionContainer(clock.seconds, lambda: emptied.append(1))
    container.add(Item("a", 5, clock.seconds))
    container.add(Item("b", 5, clock.seconds))
    container.remove("a")
    assert emptied == []
    clock.advance(5)
    container.expire()
    assert emptied == [1]


@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "promote", "remove", "sleep"]), st.integers(0, 5)),
        max_size=60,
    )
)
def test_exactly_those_expire_that_were_not_promoted_in_time(steps: list[tuple[str, int]]) -> None:
    container, clock = make_container()
    due: dict[str, float] = {}
    for step, number in steps:
        name = str(number)
        item = container.get(name)
        if step == "add" and item is None:
            container.add(Item(name, 3, clock.seconds))
            due[name] = clock.seconds() + 3
        elif step == "promote" and item is not None:
            item.promote()
            due[name] = clock.seconds() + 3
        elif step == "remove":
            container.remove(name)
            due.pop(name, None)
        elif step == "sleep":
            clock.advance(number / 2)
            container.expire()
            due = {n: date for n, date in due.items() if date > clock.seconds()}
        assert {item.session_id for item in container} == set(due)
        assert len(container._heap) <= len(steps)
