"""Histograms, by value."""

from __future__ import annotations

from txsockjs.admin.histogram import Histogram


def test_a_value_is_counted_up_to_its_bound() -> None:
    histogram = Histogram((0, 10, 100))
    for value in (0, 1, 10, 11, 100, 101, 5000):
        histogram.add(value)
    assert histogram.dump() == {"bounds": [0, 10, 100], "counts": [1, 2, 2, 2], "sum": 5223}


def test_what_was_dumped_does_not_change() -> None:
    histogram = Histogram((1,))
    before = histogram.dump()
    histogram.add(1)
    assert before == {"bounds": [1], "counts": [0, 0], "sum": 0}
