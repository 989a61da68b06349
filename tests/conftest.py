"""What holds for every test: how pytest, Twisted's reactor and hypothesis get along."""

import os

import hypothesis
import pytest

from txsockjs.actors import pace

from .support import speed

# Time is asserted nowhere, as it is the machine's.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
# The fast loop: `make unit` asks for it.
hypothesis.settings.register_profile("few", deadline=None, max_examples=speed.FEW)

speed.remember_builders()

if "PYTEST_XDIST_WORKER" in os.environ:
    # Coverage measures this process. It would start in each program that a test runs, too, and some
    # tests look at what such a program loads.
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        os.environ.pop(name, None)


def pytest_collection_finish():
    speed.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Undo what pytest-twisted does to a property test, once that test is over.

    It wraps the body so that it runs in the reactor, and leaves it wrapped; the next parameter of
    the same test would be wrapped twice, and wait in the reactor for the reactor.
    """
    handle = getattr(pyfuncitem.obj, "hypothesis", None)
    body = getattr(handle, "inner_test", None)
    try:
        return (yield)
    finally:
        if handle is not None:
            handle.inner_test = body


@pytest.fixture(autouse=True)
def _turns_of_any_length(monkeypatch):
    """Let the work of a turn be bounded by what is done alone, however slow the machine is."""
    monkeypatch.setattr(pace, "clock", lambda: 0.0)
