"""What is read from reports: all that is counted, and nothing that is not there."""

from __future__ import annotations

import pathlib
import re

import txsockjs
from txsockjs.admin.reading import (
    DROPPED,
    WITH_METRICS,
    bus_nodes,
    bus_up,
    claims,
    dropped,
    of_bus,
    of_process,
    of_site,
    timeouts,
)

PACKAGE = pathlib.Path(txsockjs.__file__).parent


def test_every_counter_of_a_bus_has_its_place() -> None:
    counted = set()
    for path in (PACKAGE / "cluster").rglob("*.py"):
        counted |= set(re.findall(r'counters\["(\w+)"\]', path.read_text()))
    counted |= set(re.findall(r'counters\["(\w+)"\]', (PACKAGE / "admin/nodes.py").read_text()))
    assert counted == WITH_METRICS | set(DROPPED)


def test_what_there_is_not_is_not_read() -> None:
    report = {"buses": [], "site": None, "process": {}, "mounts": [{"mount": "/", "claims": 0}]}
    for read in (bus_nodes, bus_up, claims, dropped, timeouts):
        assert list(read(report)) == []
    for of in (of_bus, of_process, of_site):
        assert list(of("refused")(report)) == []


def test_several_buses_are_one() -> None:
    buses = [
        {"connected": True, "nodes": 2, "counters": {"gaps": 1, "packets_late": 1}},
        {"connected": False, "nodes": 3, "counters": {"gaps": 2, "packets_late": 5}},
    ]
    report = {"buses": buses}
    assert list(bus_up(report)) == [((), 0)]
    assert list(bus_nodes(report)) == [((), 3)]
    assert list(of_bus("gaps")(report)) == [((), 3)]
    assert (("packets_late",), 6) in list(dropped(report))
    assert "gaps" not in {cause for (cause,), _ in dropped(report)}
