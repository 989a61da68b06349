"""`Query`: which sessions to list, a page at a time; `Order`: which session to close.

Rules: pure; questions and answers of other processes are checked before use. An answer is JSON, and
so is a cursor, the sorting key of the last session of a page.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from itertools import product
from operator import itemgetter
from typing import Any, NamedTuple

from ..wire.frames import check_reason
from .asking import NoAnswer

#: The most sessions in one answer.
MOST = 1000
_LONGEST_TEXT = 200
_LONGEST_CURSOR = 1000
# The largest answer in bytes, so that it fits a bus.
_LARGEST = 600_000

Row = dict[str, Any]
_Key = tuple[Any, ...]

# The columns of a row.
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("id", "mount", "transport", "address"), str),
    "origin": (str, type(None)),
    **dict.fromkeys(("opened", "age", "waiting_in", "waiting_out"), (int, float)),
    **dict.fromkeys(("messages_in", "messages_out", "bytes_in", "bytes_out"), int),
}
#: The columns to sort by: the largest first, except for ids. A rate is in messages a second since
#: the session was opened.
SORTS = (
    *("id", "age", "messages_in", "messages_out", "bytes_in", "bytes_out", "waiting"),
    *("rate_in", "rate_out"),
)


class BadQuery(NoAnswer):
    """A question breaks a rule; the message says which."""


class Query(NamedTuple):
    """Which sessions to list.

    The address of a session must be in ``network``, and one of its texts must contain ``text``.
    ``after`` is the key of the last session of the page before, or None.
    """

    mount: str | None = None
    transport: str | None = None
    network: Any = None
    text: str = ""
    sort: str = "id"
    limit: int = 100
    after: _Key | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, object]) -> Query:
        """Make a query from arguments; raise `BadQuery` if they are wrong."""
        known = ("mount", "transport", "address", "text", "sort", "limit", "cursor")
        for name, value in arguments.items():
            if name not in known:
                raise BadQuery(f"unknown argument {name[:50]!r}, they are {', '.join(known)}")
            longest = _LONGEST_CURSOR if name == "cursor" else _LONGEST_TEXT
            if len(str(value)) > longest:
                raise BadQuery(f"{name} must have at most {longest} characters")
        given = {name: str(value) for name, value in arguments.items() if value not in ("", None)}
        sort = given.get("sort", "id")
        if sort not in SORTS:
            raise BadQuery(f"sort must be one of {', '.join(SORTS)}, not {sort!r}")
        return cls(
            given.get("mount"),
            given.get("transport"),
            _network(given["address"]) if "address" in given else None,
            given.get("text", "").casefold(),
            sort,
            _limit(given.get("limit", "100")),
            _cursor(given["cursor"], sort) if "cursor" in given else None,
        )

    def fits(self, row: Row) -> bool:
        """Return whether a session matches, apart from the cursor."""
        return (
            (self.mount is None or row["mount"] == self.mount)
            and (self.transport is None or row["transport"] == self.transport)
            and (self.network is None or _is_in(row["address"], self.network))
            and (
                not self.text
                or any(
                    self.text in str(row[name] or "").casefold()
                    for name in ("id", "mount", "transport", "address", "origin")
                )
            )
        )

    def key(self, row: Row) -> _Key:
        """Return the sorting key of a session."""
        if self.sort == "id":
            return (row["id"], row["mount"])
        first = row["opened"] if self.sort == "age" else -self._amount(row)
        return (first, row["id"], row["mount"])

    def _amount(self, row: Row) -> float:
        if self.sort.startswith("rate"):
            messages = int(row[self.sort.replace("rate", "messages")])
            return float(round(messages / max(row["age"], 1.0), 3))
        if self.sort == "waiting":
            return int(row["waiting_in"]) + int(row["waiting_out"])
        return int(row[self.sort])

    def answer(self, rows: list[Row], more: bool = False) -> dict[str, object]:
        """Return the answer for a page, with the cursor of the next page if there is one."""
        size = 0
        for count, row in enumerate(rows):
            size += _size(row)
            if count and (count >= self.limit or size > _LARGEST):
                rows, more = rows[:count], True
                break
        return {"sessions": rows, "cursor": json.dumps(self.key(rows[-1])) if more else None}

    def read(self, answer: Any) -> Part:
        """Read a process's answer; raise something if it is not a possible one."""
        rows = answer["sessions"]
        for row, (name, kind) in product(rows, _KINDS.items()):
            if not isinstance(row[name], kind):
                raise TypeError(f"{name} is {row[name]!r}")
        return Part(rows, self.key(rows[-1]) if answer["cursor"] is not None else None)


class Page:
    """The first matches of a query among all sessions added; each costs about the same."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._most = query.limit + 1  # one more, so that the end is known
        self._found: list[tuple[_Key, Row]] = []
        self._end: _Key | None = None  # what comes after it is not among them

    def add(self, row: Row) -> None:
        """Add a session, if it matches and comes early enough."""
        query = self._query
        key = query.key(row)
        if query.after is not None and key <= query.after:
            return
        if (self._end is None or key < self._end) and query.fits(row):
            self._found.append((key, row))
            if len(self._found) >= 2 * self._most:
                self._cut()

    def rows(self) -> list[Row]:
        """Return the sessions: one more than the limit if there are more."""
        self._cut()
        return [row for _, row in self._found]

    def _cut(self) -> None:
        self._found.sort(key=itemgetter(0))
        del self._found[self._most :]
        if len(self._found) == self._most:
            self._end = self._found[-1][0]


class Part(NamedTuple):
    """The sessions of one process, and the key of the last one if there are more, or None."""

    rows: list[Row]
    end: _Key | None


def _size(row: Row) -> int:
    """Return about how many bytes of JSON a row has at most."""
    texts = [text for text in row.values() if isinstance(text, str)]
    is_plain = all(text.isascii() and text.isprintable() for text in texts)
    return 300 + (2 if is_plain else 12) * sum(map(len, texts))


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST):
        raise BadQuery(f"limit must be a number from 1 to {MOST}, not {text!r}")
    return int(text)


def _network(text: str) -> object:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise BadQuery(
            f"address must be an address or a network such as 192.0.2.0/24, not {text!r}"
        ) from None


def _is_in(address: str, network: Any) -> bool:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:  # a UNIX socket's
        return False
    return known.version == network.version and known in network


def _cursor(text: str, sort: str) -> _Key:
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        parts = None
    kinds: tuple[Any, ...] = (str, str) if sort == "id" else ((int, float), str, str)
    if not (
        isinstance(parts, list)
        and len(parts) == len(kinds)
        and all(isinstance(part, kind) for part, kind in zip(parts, kinds))
    ):
        raise BadQuery("cursor must be that of an answer with the same sort")
    return tuple(parts)


class Order(NamedTuple):
    """Which session to close, with which code and reason."""

    id: str
    mount: str
    code: int = 3000
    reason: str = "Closed by the operator"

    @classmethod
    def of(cls, arguments: Mapping[str, object]) -> Order:
        """Make an order from arguments; raise `BadQuery` if they are wrong."""
        for name, value in arguments.items():
            if name not in cls._fields:
                raise BadQuery(f"unknown argument {name[:50]!r}, they are {', '.join(cls._fields)}")
            if not isinstance(value, (str, int)) or len(str(value)) > _LONGEST_CURSOR:
                raise BadQuery(f"{name} must be a word or a number, of {_LONGEST_CURSOR} at most")
        for name in ("id", "mount"):
            if not arguments.get(name):
                raise BadQuery(f"{name} is missing")
        code = str(arguments.get("code") or cls._field_defaults["code"])
        if not (code.isascii() and code.isdigit() and 3000 <= int(code[:10]) <= 4999):
            raise BadQuery(f"code must be a number from 3000 to 4999, not {code!r}")
        reason = str(arguments.get("reason") or cls._field_defaults["reason"])
        try:
            check_reason(int(code), reason)
        except ValueError as error:
            raise BadQuery(str(error)) from None
        return cls(str(arguments["id"]), str(arguments["mount"]), int(code), reason)
