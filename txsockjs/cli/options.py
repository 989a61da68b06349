"""`Options`: the command line of ``twistd sockjs``, which becomes a `Plan`.

Rules: every setting is an option, made from the settings table. The command line overrides the file
that ``--config`` names; the mounts of both are served. Wrong options raise `usage.UsageError`;
under twistd they end the process with one line instead, because twistd would print all of its help
first.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import dataclasses
import difflib
import getopt
import os
import sys
from typing import Any, Callable, ClassVar

from twisted.python import usage

from .. import __version__
from ..errors import SettingsError
from ..http.prefix import check_prefix
from ..protocols.connection import encoding_from
from ..settings import Settings
from .changes import folder_of
from .logs.process_log import is_in_foreground
from .mount import UPSTREAMS, Mount, find_app
from .plan import Plan, checked_log_format, count_workers, drain_seconds, log_path
from .workers.sockets import check as check_endpoint

DEFAULT_LISTEN = "tcp:8080:interface=127.0.0.1"


def _in_words(default: object) -> str:
    if default is None or default in ((), frozenset()):
        return "none"
    if isinstance(default, bool):
        return "on" if default else "off"
    return str(default)


def _read_as(mounts: list[Mount], text: str) -> None:
    """Set the encoding of all bridges, in place of the file's."""
    encoding = encoding_from(text)
    bridges = [mount for mount in mounts if isinstance(mount.connection, UPSTREAMS)]
    if not bridges:
        raise usage.UsageError(
            "--fallback-encoding is for an endpoint: or a URL, and there is none"
        )
    for number, mount in enumerate(mounts):
        if isinstance(mount.connection, UPSTREAMS):
            upstream = dataclasses.replace(mount.connection, fallback_encoding=encoding)
            mounts[number] = dataclasses.replace(mount, connection=upstream)


# What an option means in the plan, by its name.
_PLANNED: dict[str, Callable[[str], object]] = {
    "static": os.path.abspath,
    "cluster": str,
    "cluster-secret": str,
    "drain": drain_seconds,
    "admin": str,
    "access-log": lambda path: log_path(path, os.getcwd()),
    "log-format": checked_log_format,
    "admin-token": os.path.abspath,
    "workers": count_workers,
}

# The settings by the names of their options; values stay text until all options are parsed.
SETTINGS = {field.name.replace("_", "-"): field for field in dataclasses.fields(Settings)}


class Options(usage.Options):
    """What to serve, and how; ``plan`` is set once the options are parsed."""

    synopsis = "[options]"
    longdesc = (
        "Serve SockJS applications. With no application given, serve a demo: a page with a chat "
        "and an echo. A list is written with commas, a switch as on or off. Example: "
        "twistd -n sockjs --app chat.Chat --prefix /chat"
    )
    parent: Any = None
    plan: Plan
    optFlags: ClassVar[list[list[object]]] = [
        [
            "reload",
            None,
            "For development: start anew when the application or its TOML file changes.",
        ],
    ]
    optParameters: ClassVar[list[list[Any]]] = [
        [
            "app",
            "a",
            None,
            "One application to serve: dotted name of a SockJSConnection, or endpoint:CLIENT.",
        ],
        ["prefix", "p", None, "Where to serve --app. [default: /]"],
        ["static", "s", None, "Serve the files of this directory beside the applications."],
        [
            "fallback-encoding",
            None,
            None,
            "Encoding of what an endpoint: sends that is not UTF-8, or replace. [default: none]",
        ],
        [
            "drain",
            None,
            None,
            "End sessions evenly over this time when the server stops, in seconds. [default: 0]",
        ],
        [
            "admin",
            None,
            None,
            "Serve a site for whoever operates the server on this endpoint. [default: none]",
        ],
        [
            "admin-token",
            None,
            None,
            "File with the token of the admin site: to close sessions, and to look from elsewhere.",
        ],
        [
            "access-log",
            None,
            None,
            "Write a line for each session at its end to this file, or to - . [default: none]",
        ],
        [
            "log-format",
            None,
            None,
            "Write the log, and the access log, as text or as json. [default: text]",
        ],
        [
            "workers",
            "w",
            None,
            "How many processes serve, or auto: one for each CPU that may be used. [default: 1]",
        ],
        [
            "cluster",
            None,
            None,
            "Share sessions and rooms with all nodes at this redis:// URL. [default: none]",
        ],
        [
            "cluster-secret",
            None,
            None,
            "Sign what nodes say to each other; rather in a file, as others see command lines.",
        ],
        ["config", "c", None, "Read a TOML file; the other options win over what it says."],
        *(
            [name, None, None, f"{field.metadata['help']} [default: {_in_words(field.default)}]"]
            for name, field in SETTINGS.items()
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._listen: list[str] = []
        self._mounts: list[Mount] = []
        self._admin_names: list[str] = []

    def opt_listen(self, endpoint: str) -> None:
        """Listen on this endpoint, repeatable [default: tcp:8080:interface=127.0.0.1]."""
        self._listen.append(endpoint)

    def opt_mount(self, mount: str) -> None:
        """Serve PREFIX=dotted.Name, =ws://HOST/PATH, =http://HOST/PATH or =endpoint:CLIENT."""
        self._mounts.append(Mount.parse(mount))

    def opt_admin_name(self, name: str) -> None:
        """Answer the admin site by this host name, too, as a proxy may ask; repeatable."""
        self._admin_names.append(name)

    opt_l = opt_listen
    opt_m = opt_mount

    def opt_version(self) -> None:
        """Display the versions of txsockjs and of Twisted, and exit."""
        sys.stdout.write(f"txsockjs version: {__version__}\n")
        super().opt_version()

    def parseOptions(self, options: list[str] | None = None) -> None:
        """Parse a command line; under twistd, an error ends the process with one line.

        ``arguments`` keeps the command line, for workers to parse it again.
        """
        self.arguments = sys.argv[1:] if options is None else list(options)
        try:
            super().parseOptions(options)
        except (usage.UsageError, SettingsError) as error:
            message = f"{error}{self._hint(error.__context__)}"
            if self.parent is None:
                raise usage.UsageError(message) from error
            sys.exit(f"sockjs: {message}")

    def _hint(self, cause: BaseException | None) -> str:
        """Suggest an option if ``cause`` is an option that does not exist."""
        if not isinstance(cause, getopt.GetoptError):
            return ""
        known = [name.rstrip("=") for name in self.longOpt]
        if len(cause.opt) < 2 or cause.opt in known:  # a single letter, or a wrong number of values
            return ""
        written = cause.opt.replace("_", "-")
        near = [name for name in known if name.startswith(written)]
        near = near or difflib.get_close_matches(written, known, n=1)
        return f", did you mean {' or '.join(f'--{name}' for name in near)}?" if near else ""

    def parseArgs(self, *rest: str) -> None:
        """Refuse arguments that do not belong to an option."""
        if rest:
            raise usage.UsageError(f"unexpected {rest[0]!r}; an application is named with --app")

    def postOptions(self) -> None:
        """Override the settings of a file with those of the command line."""
        plan = Plan.read(self["config"]) if self["config"] is not None else Plan()
        plan = dataclasses.replace(plan, **self._given(plan))
        plan.check_cluster()
        if plan.static is not None and not plan.mounts:
            raise usage.UsageError("--static serves files beside an application, and there is none")
        if self["fallback-encoding"] is not None:
            _read_as(plan.mounts, self["fallback-encoding"])
        plan.check_admin()
        if plan.reload:
            self._check_reload(plan)
        if plan.workers > 1 or plan.reload:
            for endpoint in plan.listen:
                check_endpoint(endpoint)
        given = {name: field for name, field in SETTINGS.items() if self[name] is not None}
        plan.override({f.name: Settings.parse(f.name, self[name]) for name, f in given.items()})
        self.plan = plan

    def _given(self, plan: Plan) -> dict[str, Any]:
        """Return what differs from ``plan``, but for settings; lists of mounts are added up."""
        mounts = [*plan.mounts, *self._mounts]
        if self["app"] is not None:
            mounts.append(Mount(check_prefix(self["prefix"] or ""), find_app(self["app"])))
        elif self["prefix"] is not None:
            raise usage.UsageError("--prefix says where to serve an --app, and there is none")
        given: dict[str, object] = {
            "listen": self._listen or plan.listen or [DEFAULT_LISTEN],
            "mounts": mounts,
            "admin_names": self._admin_names or plan.admin_names,
            "reload": bool(self["reload"]),
        }
        for name, read in _PLANNED.items():
            if self[name] is not None:
                given[name.replace("-", "_")] = read(self[name])
        return given

    def _check_reload(self, plan: Plan) -> None:
        if plan.workers > 1:
            raise usage.UsageError(f"--reload is for one process, and not for {plan.workers}")
        if self.parent is not None and not is_in_foreground(self.parent):
            raise usage.UsageError("--reload is for development: give twistd --nodaemon, too")
        if not plan.mounts and self["config"] is None:
            raise usage.UsageError("--reload looks for changes of an application: there is none")

    def watched(self) -> tuple[set[str], set[str]]:
        """Return the folders of the applications' modules, and the files they depend on."""
        modules = {
            mount.connection.__module__
            for mount in self.plan.mounts
            if not isinstance(mount.connection, UPSTREAMS)
        }
        files = set() if self["config"] is None else {os.path.abspath(self["config"])}
        return {folder_of(module) for module in modules}, files
