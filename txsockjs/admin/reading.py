"""How the values of metrics are read from a report, for the table in `families`.

Rules: pure; what a report lacks yields no values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Callable

Report = Mapping[str, Any]
#: The values of the labels, and the value: a number, a histogram (as `Histogram.dump` returns it),
#: or the labels of an info.
Sample = tuple[tuple[str, ...], Any]


# The counters of a bus that have their own metric; the others count drops.
WITH_METRICS = {"claims", "gaps", "packets_resent", "requests_relayed", "requests_served"}
#: The reasons for drops on a bus.
DROPPED = (
    "frames_invalid",
    "messages_invalid",
    "messages_refused",
    "messages_unverified",
    "messages_unwanted",
    "packets_doubled",
    "packets_early",
    "packets_invalid",
    "packets_late",
    "publications_dropped",
    "publications_lost",
    "publications_refused",
)


def of_transport(name: str) -> Callable[[Report], Iterable[Sample]]:
    """Return a function that reads a total of each transport."""

    def read(report: Report) -> Iterable[Sample]:
        for mount in report["mounts"]:
            for transport, traffic in mount["transports"].items():
                yield (mount["mount"], transport), traffic[name]

    return read


def ended(report: Report) -> Iterable[Sample]:
    """Read how many sessions ended, by cause."""
    for mount in report["mounts"]:
        for transport, traffic in mount["transports"].items():
            for cause, count in traffic["ended"].items():
                yield (mount["mount"], transport, cause), count


def of_mount(name: str) -> Callable[[Report], Iterable[Sample]]:
    """Return a function that reads a figure of each mount."""

    def read(report: Report) -> Iterable[Sample]:
        for mount in report["mounts"]:
            yield (mount["mount"],), mount[name]

    return read


def refused(report: Report) -> Iterable[Sample]:
    """Read the number of refusals, by cause."""
    for mount in report["mounts"]:
        for cause, count in mount["refused"].items():
            yield (mount["mount"], cause), count


def of_site(name: str) -> Callable[[Report], Iterable[Sample]]:
    """Return a function that reads a figure of the site, if there is one."""

    def read(report: Report) -> Iterable[Sample]:
        if report["site"] is not None:
            yield (), report["site"][name]

    return read


def timeouts(report: Report) -> Iterable[Sample]:
    """Read how many connections took too long."""
    if report["site"] is not None:
        for cause, count in report["site"]["ended"].items():
            yield (cause,), count


def of_bus(name: str) -> Callable[[Report], Iterable[Sample]]:
    """Return a function that reads a counter of the bus, if there is one."""

    def read(report: Report) -> Iterable[Sample]:
        if report["buses"]:
            yield (), sum(bus["counters"].get(name, 0) for bus in report["buses"])

    return read


def bus_up(report: Report) -> Iterable[Sample]:
    """Read whether all buses can be reached."""
    if report["buses"]:
        yield (), int(all(bus["connected"] for bus in report["buses"]))


def bus_nodes(report: Report) -> Iterable[Sample]:
    """Read how many nodes are alive."""
    if report["buses"]:
        yield (), max(bus["nodes"] for bus in report["buses"])


def claims(report: Report) -> Iterable[Sample]:
    """Read how many sessions are owned, if there is a bus."""
    if report["buses"]:
        yield from of_mount("claims")(report)


def dropped(report: Report) -> Iterable[Sample]:
    """Read the number of drops on a bus, by cause."""
    if report["buses"]:
        total: Counter[str] = Counter(dict.fromkeys(DROPPED, 0))
        for bus in report["buses"]:
            total.update(
                {name: n for name, n in bus["counters"].items() if name not in WITH_METRICS}
            )
        for cause, count in total.items():
            yield (cause,), count


def delay(report: Report) -> Iterable[Sample]:
    """Read how late timers fire."""
    yield (), report["delay"]


def of_process(name: str) -> Callable[[Report], Iterable[Sample]]:
    """Return a function that reads a figure of the process, if its system provides it."""

    def read(report: Report) -> Iterable[Sample]:
        if name in report["process"]:
            yield (), report["process"][name]

    return read


def versions(report: Report) -> Iterable[Sample]:
    """Read the versions."""
    versions = report["versions"]
    yield (), {"version": versions["txsockjs"], **{n: versions[n] for n in ("twisted", "python")}}
