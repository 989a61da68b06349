"""Fixtures of several test modules."""

from ...support.bus_kinds import kind
from ...support.redis_server import redis

__all__ = ["kind", "redis"]
