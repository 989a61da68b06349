"""How many processors a process may use."""

from __future__ import annotations

import os
import pathlib

import pytest

from txsockjs.cli.cpus import usable_cpus


@pytest.fixture(autouse=True)
def _eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("250000 100000\n", 3),
        ("50000 100000\n", 1),
        ("9000000 100000\n", 8),
        ("nonsense", 8),
        ("1 0", 8),
    ],
)
def test_a_quota_of_the_container_counts(tmp_path: pathlib.Path, quota: str, count: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert usable_cpus(str(file)) == count


def test_without_one_the_affinity_does(tmp_path: pathlib.Path) -> None:
    assert usable_cpus(str(tmp_path / "none")) == 8
