"""How often a process that only serves collects garbage, which means reference cycles.

Rules: no part of a session is in a cycle when it ends, so only applications make garbage. CPython's
default costs a tenth of the processor time where clients of HTTP transports come and go fast, and
turns of 150 ms among 80,000 sessions.
"""

from __future__ import annotations

import gc
import sys

# How many new objects start a collection of these, and how many collections go by before older
# objects are included: half a million objects in a turn would be noticeable, 25,000 take a few ms.
_THRESHOLDS = (5_000, 5, 20)
# The defaults before Python 3.13, and since; a Python with other ones collects in small steps
# anyway.
_DEFAULTS = ((700, 10, 10), (2_000, 10, 10))


def look_seldom() -> None:
    """Collect garbage less often, and never the present objects; does nothing on PyPy.

    An application that has set its own thresholds keeps them.
    """
    if sys.implementation.name != "cpython":
        return
    gc.collect()
    gc.freeze()
    if gc.get_threshold() in _DEFAULTS:
        gc.set_threshold(*_THRESHOLDS)
