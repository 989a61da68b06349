"""`RedisURL`: the address of a broker, and the prefix of our keys and channels there.

``redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?prefix=NAME]``, or ``rediss://`` for TLS, with a
certificate for the host.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from ...errors import SettingsError

FORM = "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE][?prefix=NAME], or rediss:// for TLS"

DEFAULT_PREFIX = "txsockjs"
_PREFIX = re.compile(r"[!-~]{1,64}\Z")


class RedisURL(NamedTuple):
    """A broker. ``user`` and ``password`` are None where Redis asks for none."""

    host: str
    port: int = 6379
    database: int = 0
    user: str | None = None
    password: str | None = None
    secure: bool = False
    prefix: str = DEFAULT_PREFIX

    def __str__(self) -> str:
        """Return the URL for a log, without the password."""
        scheme = "rediss" if self.secure else "redis"
        user = f"{self.user or ''}:***@" if self.password is not None else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{user}{host}:{self.port}/{self.database}"

    @property
    def channels(self) -> str:
        """The prefix of channel names; it contains the database, which channels ignore."""
        return f"{self.prefix}:{self.database}:"

    @classmethod
    def parse(cls, text: object) -> RedisURL:
        """Parse a URL; raise `SettingsError`, without the password, if it is not one of Redis."""
        if not isinstance(text, str):
            raise SettingsError(f"a cluster must be {FORM}, not {text!r}")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise SettingsError(f"a cluster must be {FORM}; {error}") from None
        if parts.scheme not in ("redis", "rediss"):
            wrong = f"{parts.scheme}://" if parts.netloc else _shown(text)
            raise SettingsError(f"a cluster must be {FORM}, not {wrong}")
        if not parts.hostname:
            raise SettingsError(f"a cluster must be {FORM}; there is no host")
        if port == 0:
            raise SettingsError(f"a cluster must be {FORM}; there is no port 0")
        if parts.fragment:
            raise SettingsError(
                f"a cluster must be {FORM}; in a password # is written %23, / %2F and @ %40"
            )
        password = unquote(parts.password) if parts.password is not None else None
        user = unquote(parts.username) if parts.username else None
        if user is not None and password is None:
            raise SettingsError(f"a cluster must be {FORM}; there is a user without a password")
        return cls(
            parts.hostname,
            port or 6379,
            _database(parts.path),
            user,
            password,
            parts.scheme == "rediss",
            _prefix(parts.query),
        )


def _shown(text: str) -> str:
    """Return the part of a text, which may hold a password, that may be shown."""
    return repr(text) if "@" not in text else "what was given"


def _database(path: str) -> int:
    number = path.strip("/")
    if not number:
        return 0
    if not re.fullmatch(r"[0-9]{1,5}", number):
        raise SettingsError(f"a cluster must be {FORM}; a database is a number, not {number!r}")
    return int(number)


def _prefix(query: str) -> str:
    values = parse_qs(query, keep_blank_values=True)
    for name in values:
        if name != "prefix":
            raise SettingsError(f"a cluster must be {FORM}; {name!r} is unknown there")
    prefix = values.get("prefix", [DEFAULT_PREFIX])[-1]
    if not _PREFIX.match(prefix):
        raise SettingsError(
            f"the prefix of a cluster must be 1 to 64 visible ASCII characters, not {prefix!r}"
        )
    return prefix
