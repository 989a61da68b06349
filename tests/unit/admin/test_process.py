"""What a process takes, as its system tells; and on systems that tell less."""

from __future__ import annotations

import builtins
import os
import sys
from typing import Any

import pytest

from txsockjs.admin.process import process_usage


def test_time_memory_and_descriptors_are_told() -> None:
    usage = process_usage()
    assert usage["pid"] == os.getpid()
    assert usage["cpu_seconds"] > 0
    assert usage["began"] > 1_700_000_000
    if sys.platform.startswith("linux"):
        assert 5_000_000 < usage["resident_bytes"] < 10_000_000_000
    assert 3 <= usage["open_fds"] <= usage["max_fds"]


def test_descriptors_are_counted() -> None:
    before = process_usage()["open_fds"]
    ends = os.pipe()
    during = process_usage()["open_fds"]
    for end in ends:
        os.close(end)
    assert during - before == 2


def no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.open

    def missing(path: Any, *arguments: Any, **options: Any) -> Any:
        if str(path).startswith("/proc"):
            raise FileNotFoundError(path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(builtins, "open", missing)


class Process:
    """What is asked of psutil's."""

    rss = 12345

    def memory_info(self) -> Process:
        return self


class Psutil:
    """The module, as far as it is asked."""

    Process = Process


def test_where_there_is_no_proc_psutil_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    no_proc(monkeypatch)
    monkeypatch.setitem(sys.modules, "psutil", Psutil)
    assert process_usage()["resident_bytes"] == 12345


def test_what_a_system_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    no_proc(monkeypatch)
    for module in ("psutil", "resource"):
        monkeypatch.setitem(sys.modules, module, None)

    def no_folder(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "listdir", no_folder)
    assert set(process_usage()) == {"pid", "began", "cpu_seconds"}
