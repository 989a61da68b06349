"""Tables of states, as `docs/architecture.md` and docstrings print them."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Mapping
from typing import Any

import pytest


def printed(
    table: Mapping[Any, Mapping[Any, tuple[str, Any]]],
    states: type[enum.Enum],
    events: type[enum.Enum],
) -> str:
    """For each event and state, what is done, and the state after, if it is another one."""
    rows = [["", *(state.name for state in states)]]
    for event in events:
        cells = [event.name]
        for state in states:
            action, after = table[state][event]
            shown = "-" if action == "nothing" else action
            cells.append(shown if after is state else f"{shown} > {after.name}")
        rows.append(cells)
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )


def transitions(states: type[enum.Enum]) -> list[tuple[str, str, str]]:
    """Return the rows of the table in a docstring: a state, what happens, the state after it."""
    lines = (inspect.getdoc(states) or "").splitlines()
    first, _, last = (i for i, line in enumerate(lines) if line.startswith("==="))
    found = [re.fullmatch(r"(\w+) +(.*?) +(\w+)", line) for line in lines[first + 3 : last]]
    return [(row[1], row[2], row[3]) for row in found if row]


def pairs(states: type[enum.Enum]) -> set[tuple[str, str]]:
    """Return each state of such a table with each that follows it."""
    rows = transitions(states)
    names = {state.name for state in states}
    return {
        (before, after)
        for row, _, after in rows
        for before in (names - {after} if row == "any" else {row})
    }


def watch(monkeypatch: pytest.MonkeyPatch, cls: type[Any], attribute: str) -> list[tuple[str, str]]:
    """Return a list that gets each change of the state in a slot, when it first happens."""
    slot: Any = vars(cls)[attribute]
    seen: list[tuple[str, str]] = []

    def change(subject: Any, state: enum.Enum) -> None:
        before = getattr(subject, attribute, state)
        pair = (before.name, state.name)
        if before is not state and pair not in seen:
            seen.append(pair)
        slot.__set__(subject, state)

    monkeypatch.setattr(cls, attribute, property(slot.__get__, change))
    return seen
