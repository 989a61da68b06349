"""Reports in the formats of Prometheus and OpenMetrics, by `prometheus_client`.

Rules: imported when metrics are asked for, as this library is an extra. What is written is made of
reports, anew each time; the library's own registry, which is global, is not touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

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


def expose(
    reports: Mapping[str, Report], up: Mapping[str, bool], label: str, accept: str
) -> tuple[bytes, str]:
    """Return the metrics of several reports and the type of that, as ``accept`` allows.

    The name of each report is the value of ``label``; there is one report if that is empty. ``up``
    tells of each who was asked whether it answered.
    """
    encode, kind = choose_encoder(accept)
    return encode(_Reports(reports, up, label)), kind


class _Reports(Collector):
    def __init__(self, reports: Mapping[str, Report], up: Mapping[str, bool], label: str) -> None:
        self._reports = reports
        self._up = up
        self._label = label

    def collect(self) -> Iterator[Metric]:
        """Make all metrics."""
        if self._label:
            what = self._label
            up = GaugeMetricFamily(
                f"txsockjs_{what}_up", f"Whether a {what} answered in time: 1 or 0.", labels=[what]
            )
            for name, answered in sorted(self._up.items()):
                up.add_metric([name], int(answered))
            yield up
        for family in FAMILIES:
            metric = self._metric(family)
            if metric.samples:
                yield metric

    def _metric(self, family: Family) -> Metric:
        own = [self._label] if self._label else []
        labels = own if family.kind == INFO else [*own, *family.labels]
        metric: Metric = _KINDS[family.kind](family.name, family.help, labels=labels)
        for name, report in sorted(self._reports.items()):
            for values, value in family.read(report):
                _add(metric, family.kind, [name, *values] if own else list(values), value)
        return metric


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
