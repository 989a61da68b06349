"""What this process uses of its machine: processor time, memory, file descriptors.

Rules: figures that a system does not provide are left out; reading them starts no program and no
thread.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from importlib import import_module

# About when the process started, in seconds since 1970: this module is imported early.
_BEGAN = time.time()


def process_usage() -> dict[str, float]:
    """Return figures by name.

    Always present: ``pid``, ``began`` (seconds since 1970) and ``cpu_seconds``. Where the system
    provides them: ``resident_bytes`` (on Linux, elsewhere with psutil installed), ``open_fds`` and
    ``max_fds``.
    """
    usage = {"pid": os.getpid(), "began": _BEGAN, "cpu_seconds": time.process_time()}
    for name, read in (
        ("resident_bytes", _resident_bytes),
        ("open_fds", _open_fds),
        ("max_fds", _max_fds),
    ):
        with suppress(OSError, ImportError):
            usage[name] = read()
    return usage


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except FileNotFoundError:
        return _asked_of_psutil()


def _asked_of_psutil() -> int:
    return int(import_module("psutil").Process().memory_info().rss)


def _open_fds() -> int:
    return len(os.listdir("/dev/fd")) - 1  # minus the one used for the listing


def _max_fds() -> int:
    from resource import RLIMIT_NOFILE, getrlimit  # noqa: PLC0415  # Windows has none

    return getrlimit(RLIMIT_NOFILE)[0]
