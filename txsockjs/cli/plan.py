"""`Plan`: everything that ``twistd sockjs`` serves, and its form as a TOML file.

::

    listen = ["tcp:8080", "unix:/run/sockjs.sock"]
    static = "public"
    workers = 4

    [settings]
    heartbeat_delay = 20

    [[mount]]
    prefix = "/chat"
    app = "chat.Chat"
    settings = { disabled_transports = ["jsonp"] }

    [[mount]]
    prefix = "/irc"
    app = "endpoint:tcp:irc.example.net:6667"
    connect_timeout = 5
    fallback_encoding = "latin-1"

    [[mount]]
    prefix = "/feed"
    app = "wss://feed.example.net/ws"
    cookies = ["session"]
    pass_query = false

Rules: a file is checked when it is read; errors raise `SettingsError` in one line, with the name of
the file.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import sys
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from .._kinds import COUNT, SECONDS, Unfit
from ..admin.guard import check_name, read_token
from ..cluster.redis.url import RedisURL
from ..errors import SettingsError
from ..http.prefix import check_prefix
from ..service import checked_drain
from ..settings import Settings
from .bridges import KEYS, bridged
from .cpus import usable_cpus
from .mount import Mount, find_app

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_T = TypeVar("_T")
LOG_FORMATS = ("text", "json")


@dataclass
class Plan:
    """Where to listen, what to mount, and the settings for every mount.

    ``static`` is a directory whose files are served beside the mounts, or None. ``workers`` is how
    many processes serve. ``drain`` is over how many seconds sessions are ended when the server
    stops. ``admin`` is the endpoint of the admin site, or None, ``admin_token`` the file with its
    token, or None, and ``admin_names`` its names besides localhost and its address. ``cluster`` is
    the URL of the broker of all nodes, or None; ``cluster_secret`` signs their messages to each
    other. ``access_log`` is the path of the access log, ``-`` for standard output, or None.
    ``log_format`` is ``text``, ``json``, or None for the default of the command. ``reload`` is
    whether the server restarts when the application changes; a file can't set it.
    """

    listen: list[str] = field(default_factory=list)
    static: str | None = None
    settings: dict[str, object] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)
    workers: int = 1
    cluster: str | None = None
    cluster_secret: str | None = None
    drain: float = 0.0
    admin: str | None = None
    access_log: str | None = None
    log_format: str | None = None
    reload: bool = False
    admin_token: str | None = None
    admin_names: list[str] = field(default_factory=list)

    def check_admin(self) -> None:
        """Raise `SettingsError` for a wrong name, or a token without an admin site."""
        if self.admin is None and (self.admin_token is not None or self.admin_names):
            raise SettingsError("an admin token or name is for an admin site, and there is none")
        for name in self.admin_names:
            check_name(name)

    def read_admin_token(self) -> str | None:
        """Return the token of the admin site, or None; raise `SettingsError` for a wrong file.

        Not read with the rest, because a worker has no admin site and may not be able to read it.
        """
        return None if self.admin_token is None else read_token(self.admin_token)

    def check_cluster(self) -> None:
        """Raise `SettingsError` for a wrong URL, or a secret without a cluster."""
        if self.cluster is not None:
            RedisURL.parse(self.cluster)
        elif self.cluster_secret is not None:
            raise SettingsError("a cluster secret is for a cluster, and there is none")
        if self.cluster_secret == "":
            raise SettingsError("a cluster secret must not be empty")

    def override(self, settings: dict[str, object]) -> None:
        """Set these settings for every mount, in place of the file's."""
        self.settings.update(settings)
        self.mounts = [
            dataclasses.replace(mount, settings={**mount.settings, **settings})
            for mount in self.mounts
        ]

    def settings_of(self, mount: Mount) -> Settings:
        """Return the settings of one mount: its own, and the plan's for the others."""
        return Settings.merged(self.settings, mount.settings)

    @classmethod
    def read(cls, path: str) -> Plan:
        """Read a TOML file; relative paths start from its directory."""
        try:
            with open(path, "rb") as file:
                values = tomllib.load(file)
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror}") from error
        except ValueError as error:  # TOML or UTF-8
            raise SettingsError(f"{path} is not TOML: {error}") from error
        try:
            return cls._from(values, os.path.dirname(os.path.abspath(path)))
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from error

    @classmethod
    def _from(cls, table: dict[str, object], directory: str) -> Plan:
        _refuse_unknown(table, _NAMES)
        listen = table.get("listen", [])
        endpoints: list[Any] = listen if isinstance(listen, list) else [listen]
        if not all(isinstance(endpoint, str) for endpoint in endpoints):
            raise SettingsError(f"listen must be an endpoint or a list of them, not {listen!r}")
        plan = cls(endpoints)
        if "static" in table:
            plan.static = os.path.join(directory, _typed(table, "static", str, "a directory"))
        if "workers" in table:
            plan.workers = count_workers(table["workers"])
        if "cluster" in table:
            plan.cluster = _typed(table, "cluster", str, "a URL such as redis://127.0.0.1:6379/0")
            RedisURL.parse(plan.cluster)
        if "cluster_secret" in table:
            plan.cluster_secret = _typed(table, "cluster_secret", str, "text")
        if "drain" in table:
            plan.drain = drain_seconds(table["drain"])
        if "admin" in table:
            plan.admin = _typed(table, "admin", str, "an endpoint such as tcp:9090")
        if "access_log" in table:
            path = _typed(table, "access_log", str, "a file, or -")
            plan.access_log = log_path(path, directory)
        if "log_format" in table:
            plan.log_format = checked_log_format(table["log_format"])
        if "admin_token" in table:
            token = _typed(table, "admin_token", str, "the name of a file")
            plan.admin_token = os.path.join(directory, token)
        plan.admin_names = _typed(table, "admin_names", list, "a list of host names", [])
        plan.settings = _typed(table, "settings", dict, "a table", {})
        Settings.merged(None, plan.settings)
        for mount in _typed(table, "mount", list, "written as [[mount]]", []):
            plan.mounts.append(_mount(mount))
        return plan


# The names at the top level of a file.
_NAMES = (
    *("listen", "static", "workers", "cluster", "cluster_secret", "drain"),
    *("admin", "admin_token", "admin_names", "access_log", "log_format", "settings", "mount"),
)


def drain_seconds(value: object) -> float:
    """Return a number of seconds from a number or text; 0 means all at once."""
    try:
        return checked_drain(SECONDS.parse(value) if isinstance(value, str) else value)
    except Unfit:
        return checked_drain(value)


def log_path(path: str, directory: str) -> str:
    """Return the path of a log, relative to ``directory``; ``-`` is not a path."""
    if not path:
        raise SettingsError("access_log must be a file, or -, not ''")
    return path if path == "-" else os.path.join(directory, path)


def checked_log_format(value: object) -> str:
    """Return the name of a log format; raise `SettingsError` for any other."""
    if not isinstance(value, str) or value not in LOG_FORMATS:
        raise SettingsError(f"log_format must be {' or '.join(LOG_FORMATS)}, not {value!r}")
    return value


def count_workers(value: object) -> int:
    """Return the number of workers from a number or ``auto``."""
    if value == "auto":
        return usable_cpus()
    try:
        number = COUNT.parse(value) if isinstance(value, str) else value
        return cast(int, COUNT.check(number))
    except Unfit as unfit:
        rule = f"{COUNT.rule}, or auto"
        raise SettingsError(f"workers must be {rule}, not {unfit.culprit!r}") from None


def _mount(table: object) -> Mount:
    if not isinstance(table, dict):
        raise SettingsError(f"a mount must be a table, not {table!r}")
    _refuse_unknown(table, ("prefix", "app", "settings", *KEYS))
    prefix = check_prefix(_typed(table, "prefix", str, "a path such as /chat", "/"))
    settings = _typed(table, "settings", dict, "a table", {})
    Settings.merged(None, settings)
    name = _typed(table, "app", str, "the dotted name of a SockJSConnection")
    return Mount(prefix, bridged(find_app(name), name, table), settings)


def _refuse_unknown(table: dict[str, object], known: tuple[str, ...]) -> None:
    for name in table:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the names are {', '.join(known)}"
            raise SettingsError(f"unknown name {name!r}, {hint}")


def _typed(
    table: dict[str, object], name: str, kind: type[_T], wanted: str, default: _T | None = None
) -> _T:
    value = table.get(name, default)
    if not isinstance(value, kind):
        raise SettingsError(f"{name} must be {wanted}, not {value!r}")
    return value
