"""What was measured, as tables in Markdown and as JSON.

Values only: a `Result` is one round of one row on one server, a `Cell` the medians of its rounds.
A ratio tells how many times better txsockjs is than the other server, so that more is better for
txsockjs in every row, be the figure a rate or a size.
"""

from __future__ import annotations

import dataclasses
import statistics
from typing import Any

from rows import Row

OURS = "txsockjs"


@dataclasses.dataclass(frozen=True)
class Result:
    """One round: messages or opens per second, or KiB per session.

    Latencies are milliseconds; ``cpu`` is microseconds of the server for each, which is seconds
    for a million; ``load`` is the share of its core that the load generator used.
    """

    figure: float
    p50: float | None = None
    p99: float | None = None
    cpu: float | None = None
    load: float | None = None

    @classmethod
    def of(cls, told: dict[str, Any]) -> Result:
        """Take what the load generator told."""
        count, seconds = max(told["count"], 1), told["seconds"]
        return cls(
            told["count"] / seconds,
            told["p50"] / 1e3,
            told["p99"] / 1e3,
            told["server_cpu"] / count * 1e6,
            told["own_cpu"] / seconds,
        )


def median(results: list[Result]) -> Result:
    """Give the median of each figure."""
    columns = zip(*(dataclasses.astuple(result) for result in results))
    return Result(*(None if None in column else statistics.median(column) for column in columns))


class Table:
    """All results, by row and server."""

    def __init__(self, rows: list[Row], servers: list[str]) -> None:
        self._rows = rows
        self._servers = servers
        self._rounds: dict[tuple[str, str], list[Result]] = {}
        self._failures: dict[tuple[str, str], str] = {}

    def add(self, row: Row, server: str, result: Result) -> None:
        """Keep the result of a round."""
        self._rounds.setdefault((row.name, server), []).append(result)

    def fail(self, row: Row, server: str, why: str) -> None:
        """Note that a round failed, which voids the row for this server."""
        self._failures[row.name, server] = why

    @property
    def failures(self) -> list[str]:
        """Say what failed."""
        return [f"{row}, {server}: {why}" for (row, server), why in sorted(self._failures.items())]

    def cell(self, row: Row, server: str) -> Result | None:
        """Give the medians, or None if there is nothing to tell."""
        results = self._rounds.get((row.name, server))
        if not results or (row.name, server) in self._failures:
            return None
        return median(results)

    def ratio(self, row: Row, server: str) -> float | None:
        """Tell how many times better txsockjs is."""
        ours, other = self.cell(row, OURS), self.cell(row, server)
        if ours is None or other is None or not ours.figure or not other.figure:
            return None
        return other.figure / ours.figure if row.is_memory else ours.figure / other.figure

    def cpu_ratio(self, row: Row, server: str) -> float | None:
        """Tell how many times more processor time than txsockjs it needs for the same."""
        ours, other = self.cell(row, OURS), self.cell(row, server)
        return other.cpu / ours.cpu if ours and other and ours.cpu and other.cpu else None

    def side_by_side(self) -> str:
        """Give a line for each row, with a column for each server."""
        lines = [_line(["", *self._servers]), _line(["---", *["---:"] * len(self._servers)])]
        for row in self._rows:
            cells = [self._short(row, server) for server in self._servers]
            lines.append(_line([f"{row.title} ({_unit(row)})", *cells]))
        return "\n".join(lines)

    def details(self) -> str:
        """Give a line for each row and server, with latencies and CPU time."""
        head = [
            "row",
            "server",
            "figure",
            "p50 ms",
            "p99 ms",
            "CPU s per million",
            "ratio",
            "generator",
        ]
        lines = [_line(head), _line(["---", "---", *["---:"] * 6])]
        for row in self._rows:
            for server in self._servers:
                cell = self.cell(row, server)
                if cell is None:
                    continue
                lines.append(
                    _line(
                        [
                            row.name,
                            server,
                            _figure(row, cell),
                            _number(cell.p50, ",.2f"),
                            _number(cell.p99, ",.2f"),
                            _number(cell.cpu, ",.1f"),
                            _number(self.cpu_ratio(row, server), ".2f"),
                            _number(cell.load, ".0%"),
                        ]
                    )
                )
        return "\n".join(lines)

    def as_json(self) -> list[dict[str, Any]]:
        """Give all there is, every round of it."""
        return [
            {
                "row": row.name,
                "server": server,
                "median": dataclasses.asdict(cell) if cell else None,
                "ratio": self.ratio(row, server),
                "rounds": [
                    dataclasses.asdict(result)
                    for result in self._rounds.get((row.name, server), [])
                ],
                "failure": self._failures.get((row.name, server)),
            }
            for row in self._rows
            for server in self._servers
            for cell in [self.cell(row, server)]
        ]

    def _short(self, row: Row, server: str) -> str:
        if (row.name, server) in self._failures:
            return "FAILED"
        cell, ratio = self.cell(row, server), self.ratio(row, server)
        if cell is None:
            return "-"
        figure = _figure(row, cell)
        return figure if server == OURS or ratio is None else f"{figure} ({ratio:.2f})"


def _unit(row: Row) -> str:
    return row.counts if row.is_memory else f"{row.counts}/s"


def _figure(row: Row, cell: Result) -> str:
    return _number(cell.figure, ",.1f" if row.is_memory else ",.0f")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
