"""How often a process that only serves looks for garbage: objects that refer to each other.

Rules: nothing of a session is in a cycle when it ends, so all that there is to find is an
application's. What CPython does by default is a tenth of the processor time where clients of HTTP
transports come and go fast, and turns of 100 ms among 80,000 sessions.
"""

from __future__ import annotations

import gc
import sys

# How many more objects there must be to look at those, and how many such looks until older ones
# are looked at: half a million objects in a turn would be felt, 25,000 take some ms.
_THRESHOLDS = (5_000, 5, 20)
# Those of Python before 3.13, and from then on; one with others looks in small steps anyway.
_DEFAULTS = ((700, 10, 10), (2_000, 10, 10))


def look_seldom() -> None:
    """Look for garbage less often, and never among what there is now; PyPy is left as it is.

    An application that chose thresholds of its own keeps them.
    """
    if sys.implementation.name != "cpython":
        return
    gc.collect()
    gc.freeze()
    if gc.get_threshold() in _DEFAULTS:
        gc.set_threshold(*_THRESHOLDS)
