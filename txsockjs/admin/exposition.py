"""Reports in the formats of Prometheus and OpenMetrics, written by `prometheus_client`.

Rules: this module is imported when metrics are requested, because the library is an extra. Metrics
are made from reports at each request, piece by piece; the library's own global registry is not
used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, islice
from typing import Any, Callable

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from .families import COUNTER, FAMILIES, GAUGE, GAUGE_HISTOGRAM, HISTOGRAM, INFO, Family
from .reading import Report

# How many values a piece of a metric has, if the metric can be cut.
_PIECE = 300
_OPEN_METRICS = "application/openmetrics-text"


def expose(
    reports: Mapping[str, Report], up: Mapping[str, bool], label: str, accept: str
) -> tuple[Iterator[bytes], str]:
    """Return the metrics of several reports in pieces, and their type, as ``accept`` allows.

    The name of each report is the value of ``label``; if that is empty, there is one report. ``up``
    is, for each process asked, whether it answered. Making a piece takes a few ms.
    """
    names = [each.partition(";")[0].strip().lower() for each in accept.split(",")]
    # The library fails on versions that it does not know.
    encode, kind = choose_encoder(_OPEN_METRICS if _OPEN_METRICS in names else "")
    return _encoded(encode, _metrics(reports, up, label)), kind


def read(report: Report) -> Report:
    """Return a report; raise something if it lacks data for metrics."""
    for family in FAMILIES:
        for _ in family.read(report):
            pass
    return report


def _encoded(encode: Callable[[Collector], bytes], metrics: Iterable[Metric]) -> Iterator[bytes]:
    end = encode(_Collected([]))
    before = ""
    for metric in metrics:
        piece = encode(_Collected([metric])).removesuffix(end)
        if metric.name == before:
            piece = piece.split(b"\n", 2)[2]  # without the lines for help and type
        before = metric.name
        yield piece
    yield end


class _Collected(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        """Return the metrics."""
        return self._metrics


def _metrics(reports: Mapping[str, Report], up: Mapping[str, bool], label: str) -> Iterator[Metric]:
    """Make all metrics; one with many values is made as several of the same name."""
    if label:
        metric = GaugeMetricFamily(
            f"txsockjs_{label}_up", f"Whether a {label} answered in time: 1 or 0.", labels=[label]
        )
        for name, answered in sorted(up.items()):
            metric.add_metric([name], int(answered))
        yield metric
    for family in FAMILIES:
        own = [label] if label else []
        labels = own if family.kind == INFO else [*own, *family.labels]
        values = _values(family, reports)
        # The plain format has the sums and counts of all histograms at the end.
        size = _PIECE if family.kind in (COUNTER, GAUGE) else None
        while piece := list(islice(values, size)):
            metric = _KINDS[family.kind](family.name, family.help, labels=labels)
            for name, words, value in piece:
                _add(metric, family.kind, [name, *words] if own else list(words), value)
            yield metric


def _values(
    family: Family, reports: Mapping[str, Report]
) -> Iterator[tuple[str, tuple[str, ...], float]]:
    for name, report in sorted(reports.items()):
        for words, value in family.read(report):
            yield name, words, value


_KINDS: dict[str, Any] = {
    COUNTER: CounterMetricFamily,
    GAUGE: GaugeMetricFamily,
    HISTOGRAM: HistogramMetricFamily,
    GAUGE_HISTOGRAM: GaugeHistogramMetricFamily,
    INFO: InfoMetricFamily,
}


def _add(metric: Any, kind: str, labels: list[str], value: Any) -> None:
    if kind in (HISTOGRAM, GAUGE_HISTOGRAM):
        bounds = [*map(floatToGoString, value["bounds"]), "+Inf"]
        metric.add_metric(labels, list(zip(bounds, accumulate(value["counts"]))), value["sum"])
    else:
        metric.add_metric(labels, value)
