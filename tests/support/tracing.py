"""How many bytes Python has allocated: skips the test where that can't be told, as on PyPy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Callable

import pytest


@contextlib.contextmanager
def tracing() -> Iterator[Callable[[], int]]:
    """Trace memory in the block, which gets what tells how many bytes were kept since it began."""
    tracemalloc = pytest.importorskip("tracemalloc")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield lambda: tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
