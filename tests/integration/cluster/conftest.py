"""Fixtures of several test modules."""

import pytest

from txsockjs.cluster import questions
from txsockjs.cluster.redis import bus, connection, leases

from ...support.bus_kinds import kind
from ...support.redis_server import redis

__all__ = ["kind", "redis"]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for who is held up, as all are on a busy machine, and take nobody for gone."""
    for module, name in (
        (leases, "SILENT"),
        (leases, "DEAD"),
        (questions, "PATIENCE"),
        (bus, "_PATIENCE"),
        (connection, "_PATIENCE"),
    ):
        monkeypatch.setattr(module, name, 60.0)
