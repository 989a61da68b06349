"""Fixtures of several test modules."""

import pytest

from ..support.resources import connecting


@pytest.fixture
def connect():
    yield from connecting()
