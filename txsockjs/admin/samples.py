"""`Sampler`: makes the data of an admin site's page from the reports of all processes.

Rules: totals become what was added since the sample before. A process that is new, silent or
restarted adds nothing to that, rather than everything it ever counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from .asking import Replies

_TOTALS = ("messages_in", "messages_out", "bytes_in", "bytes_out", "opened")
_UNKNOWN: Mapping[str, float | None] = dict.fromkeys(_TOTALS)

Sample = dict[str, Any]


class Sampler:
    """Makes a sample from each round of reports.

    A sample is a table::

        {"at": seconds since 1970, "sessions": {transport: open}, "mounts": [...],
         "rates": {"messages_in": in a second, ...}, "ended": {cause: since the last sample},
         "delay": seconds or None, "memory": bytes or None,
         "processes": [{"name", "host", "pid", "sessions", "rates", "ended", "delay", "memory"}],
         "silent": [names]}

    Zeros are left out of all tables except ``rates``, whose values are None without an earlier
    sample. For all processes together, ``delay`` is the worst one and ``memory`` the sum.
    """

    def __init__(self) -> None:
        self._before: dict[str, _Figures] = {}
        self._at = 0.0

    def sample(self, replies: Replies, now: float, at: float) -> Sample:
        """Return the sample of these replies; ``now`` is in seconds, on a monotonic clock."""
        replies = replies.read(_Figures)
        figures: dict[str, _Figures] = dict(sorted(replies.answers.items()))
        seconds = now - self._at
        before, self._before, self._at = self._before, figures, now
        processes = [
            {"name": name, **each.since(before.get(name), seconds)}
            for name, each in figures.items()
        ]
        rates = [each["rates"] for each in processes if each["rates"] is not _UNKNOWN]
        return {
            "at": round(at, 3),
            "sessions": _sum(each["sessions"] for each in processes),
            "mounts": sorted({mount for each in figures.values() for mount in each.mounts}),
            "rates": _sum(rates) if rates else _UNKNOWN,
            "ended": _sum(each["ended"] for each in processes),
            "delay": max((each.delay for each in figures.values()), default=None),
            "memory": sum(filter(None, (each.memory for each in figures.values()))) or None,
            "processes": processes,
            "silent": sorted([*replies.silent, *replies.failed]),
        }


class _Figures:
    """The figures that a sample needs from a `report.Report`; raises something without them."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        memory = report["process"].get("resident_bytes")
        self.host = str(report["host"])
        self.pid = int(report["process"]["pid"])
        self.began = float(report["process"]["began"])
        self.memory = None if memory is None else int(memory)
        self.delay = float(report["delay"]["longest"])
        self.mounts = [str(mount["mount"]) for mount in report["mounts"]]
        self.sessions: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.totals: Counter[str] = Counter()
        for mount in report["mounts"]:
            for transport, traffic in mount["transports"].items():
                self.sessions[transport] += int(traffic["open"])
                self.ended.update({cause: int(n) for cause, n in traffic["ended"].items()})
                self.totals.update({name: int(traffic[name]) for name in _TOTALS})

    def since(self, before: _Figures | None, seconds: float) -> Sample:
        """Return the sample of this process; ``before`` is from ``seconds`` ago."""
        rates, ended = _UNKNOWN, Counter[str]()
        if before is not None and before.began == self.began and seconds > 0:
            added = self.totals - before.totals  # leaves out zeros
            rates = {name: round(added[name] / seconds, 2) for name in _TOTALS}
            ended = self.ended - before.ended
        return {
            "host": self.host,
            "pid": self.pid,
            "sessions": dict(+self.sessions),
            "rates": rates,
            "ended": dict(ended),
            "delay": self.delay,
            "memory": self.memory,
        }


def _sum(tables: Iterable[Mapping[str, float]]) -> dict[str, float]:
    added: dict[str, float] = {}
    for table in tables:
        for name, value in table.items():
            added[name] = round(added.get(name, 0) + value, 2)
    return added
