"""Channels: their names, and sessions that another session carries."""

from __future__ import annotations

from hypothesis import given
from hypothesis.strategies import characters, text

from txsockjs.transports.channel import wire_name


def test_names_are_escaped_as_the_client_does_it() -> None:
    assert wire_name("~é\x7f😀@*_+-./aZ09") == "%7E%E9%7F%uD83D%uDE00@*_+-./aZ09"


@given(text(characters(exclude_categories=[]), min_size=1))
def test_an_escaped_name_can_stand_in_a_frame(name: str) -> None:
    assert wire_name(name).isascii()
    assert "," not in wire_name(name)
