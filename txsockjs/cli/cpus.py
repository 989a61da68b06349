"""`usable_cpus`: how many processors this process may use."""

from __future__ import annotations

import math
import os

# The processor time that a container may use on Linux, as "QUOTA PERIOD" or "max PERIOD".
_QUOTA = "/sys/fs/cgroup/cpu.max"


def usable_cpus(quota_file: str = _QUOTA) -> int:
    """Return how many processors the process may use, by its affinity and its quota.

    A quota for part of a processor counts as a whole one.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    try:
        with open(quota_file, encoding="ascii") as file:
            quota, period = file.read().split()
            if quota != "max":
                count = min(count, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        pass  # there is none, or it has another form
    return max(count, 1)
