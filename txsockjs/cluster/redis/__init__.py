"""The bus over Redis 6.2 or newer, or Valkey, for machines that share a broker."""

from .bus import RedisBus

__all__ = ["RedisBus"]
