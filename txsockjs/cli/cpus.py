"""`usable_cpus`: how many processors this process may use."""

from __future__ import annotations

import math
import os

# Where Linux tells how much processor time a container may use, as "QUOTA PERIOD" or "max PERIOD".
_QUOTA = "/sys/fs/cgroup/cpu.max"


def usable_cpus(quota_file: str = _QUOTA) -> int:
    """Return the number of processors that the process may use: its affinity's, or its quota's.

    A quota of part of a processor counts as a whole one.
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
        pass  # none, or in another form
    return max(count, 1)
