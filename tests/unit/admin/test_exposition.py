"""Reports as Prometheus reads them, parsed by its own library."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.registry import REGISTRY
from twisted.internet.defer import Deferred

from txsockjs.admin import exposition
from txsockjs.admin.families import FAMILIES
from txsockjs.admin.report import Report
from txsockjs.cluster.memory import MemoryNetwork

from ...support.memory import Lab
from ...support.metrics import full_name

OPEN_METRICS = "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5"


class Site:
    """A site where something happened."""

    refused = 2
    ended = {"idle": 1}

    def connections(self) -> list[Any]:
        return [1]


def make_report() -> dict[str, Any]:
    """Return the report of a process with a bus and a site, in which some sessions were."""
    lab = Lab(prefix="/chat")
    network = MemoryNetwork(lab.clock)
    bus = network.bus()
    lab.router.join_bus(bus)
    bus.start()
    lab.clock.advance(1)
    socket = lab.upgrade("/chat/000/abc/websocket")
    socket.say(b'["a","bcd"]')
    socket.vanish()
    lab.upgrade("/chat/websocket").say(b"xy")
    report = Report([lab.router], lab.clock, Site())
    got: list[Any] = []
    Deferred.fromCoroutine(report.answer({})).addBoth(got.append)
    lab.clock.advance(0.25)
    Deferred.fromCoroutine(report.answer({})).addBoth(got.append)
    report.stop()
    found: dict[str, Any] = got[1]
    return found


def expose(*arguments: Any) -> tuple[bytes, str]:
    pieces, kind = exposition.expose(*arguments)
    return b"".join(pieces), kind


def values(families: Iterable[Any]) -> Callable[..., float]:
    """Return what returns the value of a sample by its name and labels."""
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        number: float = found[name, tuple(sorted(labels.items()))]
        return number

    return value


def test_what_happened_is_told_by_mount_and_transport() -> None:
    body, kind = expose({"here": make_report()}, {"here": True}, "", "")
    assert kind.startswith("text/plain")
    value = values(parse(body.decode()))
    at = {"mount": "/chat", "transport": "websocket"}
    assert value("txsockjs_sessions_open", **at) == 0
    assert value("txsockjs_sessions_opened_total", **at) == 1
    assert value("txsockjs_sessions_ended_total", **at, cause="lost") == 1
    assert value("txsockjs_sessions_ended_total", **at, cause="slow") == 0
    assert value("txsockjs_messages_received_total", **at) == 2
    assert value("txsockjs_received_bytes_total", **at) == 4
    assert value("txsockjs_sent_bytes_total", **at) == 4
    assert value("txsockjs_frames_sent_total", **at) == 1
    assert value("txsockjs_sessions_open", mount="/chat", transport="rawwebsocket") == 1
    assert value("txsockjs_mailbox_bytes_bucket", mount="/chat", le="0.0") == 1
    assert value("txsockjs_mailbox_bytes_gcount", mount="/chat") == 1
    assert value("txsockjs_refusals_total", mount="/chat", cause="origin") == 0
    assert value("txsockjs_bus_up") == 1
    assert value("txsockjs_bus_dropped_total", cause="messages_invalid") == 0
    assert value("txsockjs_reactor_delay_seconds_count") == 1
    assert value("txsockjs_http_timeouts_total", cause="idle") == 1


def test_open_metrics_are_told_to_whoever_asks_for_them() -> None:
    body, kind = expose({"here": make_report()}, {}, "", OPEN_METRICS)
    assert kind.startswith("application/openmetrics-text")
    families = {family.name: family for family in parse_open(body.decode())}
    assert families["txsockjs_mailbox_bytes"].type == "gaugehistogram"
    assert set(families) == {family.name for family in FAMILIES}


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=x",
        'application/openmetrics-text;version="1.0.0";escaping=allow-utf-8',
        "application/openmetrics-text;version=99.9",
        "text/plain;version=x",
        ";;=,;,",
    ],
)
def test_whatever_is_accepted_a_format_is_answered(accept: str) -> None:
    body, kind = expose({"here": make_report()}, {}, "", accept)
    is_open = "openmetrics" in accept
    known = "application/openmetrics-text; version=1.0.0" if is_open else "text/plain; version="
    assert kind.startswith(known)
    assert body.endswith(b"# EOF\n") == is_open


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
def test_pieces_are_bounded_and_make_what_one_would(
    accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = make_report()
    report["mounts"] = [{**report["mounts"][0], "mount": f"/{n}"} for n in range(20)]
    monkeypatch.setattr(exposition, "_PIECE", 10**6)
    whole, _ = expose({"here": report}, {}, "", accept)
    monkeypatch.setattr(exposition, "_PIECE", 100)
    pieces, _ = exposition.expose({"here": report}, {}, "", accept)
    pieces = list(pieces)
    assert b"".join(pieces) == whole
    histograms = [b"mailbox_bytes", b"output_bytes"]
    cut = [piece for piece in pieces if not any(name in piece for name in histograms)]
    assert max(piece.count(b"\n") for piece in cut) <= 102


def test_names_kinds_and_words_are_those_of_the_table() -> None:
    body, _ = expose({"here": make_report()}, {}, "", "")
    lines = body.decode().splitlines()
    for family in FAMILIES:
        assert f"# HELP {full_name(family)} {family.help}" in lines


def test_each_worker_has_its_label_and_tells_whether_it_answered() -> None:
    report = make_report()
    body, _ = expose({"1": report, "2": report}, {"1": True, "2": True, "3": False}, "worker", "")
    value = values(parse(body.decode()))
    at = {"mount": "/chat", "transport": "websocket"}
    for worker in ("1", "2"):
        assert value("txsockjs_sessions_opened_total", worker=worker, **at) == 1
        assert value("txsockjs_worker_up", worker=worker) == 1
        assert value("process_resident_memory_bytes", worker=worker) > 0
    assert value("txsockjs_worker_up", worker="3") == 0


def test_of_nobody_nothing_is_told() -> None:
    body, _ = expose({}, {"1": False}, "worker", "")
    assert [family.name for family in parse(body.decode())] == ["txsockjs_worker_up"]


def test_what_there_is_not_is_left_out() -> None:
    report = {**make_report(), "buses": [], "site": None}
    del report["process"]["resident_bytes"]
    body, _ = expose({"here": report}, {}, "", "")
    names = {family.name for family in parse(body.decode())}
    for name in ("txsockjs_bus_up", "txsockjs_http_timeouts", "process_resident_memory_bytes"):
        assert name not in names


def test_the_librarys_own_registry_is_left_alone() -> None:
    before = {family.name for family in REGISTRY.collect()}
    expose({"here": make_report()}, {}, "", "")
    assert {family.name for family in REGISTRY.collect()} == before
