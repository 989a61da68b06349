"""A table of states as `docs/architecture.md` prints it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any


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
