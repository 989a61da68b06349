"""`Mount`: an application at a prefix, as named on the command line or in a configuration file.

The application is the dotted name of a `SockJSConnection`, or the target of a bridge: ``endpoint:``
and a client endpoint, or the URL of a websocket server or a SockJS server.

Rules: text is checked here, before anything is started; errors raise `SettingsError` in one line.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Union

from twisted.internet.interfaces import IReactorTime
from twisted.python import reflect

from ..actors.connection import SockJSConnection, check_class
from ..errors import SettingsError
from ..http.prefix import check_prefix
from ..protocols.gateway import Upstream
from ..protocols.web_upstream import SCHEMES, WebUpstream

ENDPOINT = "endpoint:"
_CLIENTS = ("tcp", "tls", "ssl", "unix")
# A prefix may contain an equals sign, and so may a URL, or an endpoint without its ``endpoint:``.
_MOUNT = re.compile(
    rf"(.*?)=((?:{'|'.join(SCHEMES)})://.*|(?:{'|'.join(_CLIENTS)}):.*|[^=]*)\Z", re.DOTALL
)

#: The targets of bridges.
UPSTREAMS = (Upstream, WebUpstream)
App = Union[type[SockJSConnection], Upstream, WebUpstream]


@dataclass(frozen=True)
class Mount:
    """An application, its prefix, and its own settings."""

    prefix: str
    connection: App
    settings: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Mount:
        """Parse ``PREFIX=dotted.Name``, ``PREFIX=URL`` or ``PREFIX=endpoint:DESCRIPTION``."""
        prefix, mark, description = text.partition("=" + ENDPOINT)
        if mark:
            return cls(check_prefix(prefix), Upstream(description))
        match = _MOUNT.match(text)
        if match is None:
            raise SettingsError(f"a mount must be PREFIX=dotted.Name, not {text!r}")
        return cls(check_prefix(match[1]), find_app(match[2]))

    def connection_on(self, reactor: IReactorTime) -> type[SockJSConnection]:
        """Return the connection class; raise `SettingsError` if an endpoint can't be parsed."""
        if isinstance(self.connection, UPSTREAMS):
            return self.connection.connection(reactor)
        return self.connection


def find_app(text: str) -> App:
    """Return the application named by ``dotted.Name``, a URL or ``endpoint:DESCRIPTION``."""
    if text.startswith(ENDPOINT):
        return Upstream(text[len(ENDPOINT) :])
    return WebUpstream.at(text) or find_connection(text)


def find_connection(name: str) -> type[SockJSConnection]:
    """Import a `SockJSConnection` by its dotted name, from the current directory, too."""
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        found = reflect.namedAny(name)
    except reflect.ObjectNotFound as error:  # not even its first part can be imported
        module = name.partition(".")[0]
        raise SettingsError(
            f"cannot import {name!r}: No module named {module!r}{_hint(name)}"
        ) from error
    except Exception as error:  # importing the module may raise anything
        module = name.rpartition(".")[0]
        hint = _hint(name) or _hint(module, sys.modules.get(module))
        raise SettingsError(f"cannot import {name!r}: {_one_line(error)}{hint}") from error
    if not (isinstance(found, type) and issubclass(found, SockJSConnection)):
        raise SettingsError(
            f"{name} must be a subclass of SockJSConnection, not {found!r}{_hint(name, found)}"
        )
    check_class(found)
    return found


def _hint(name: str, found: object = None) -> str:
    """Return a suggestion of what was probably meant, or an empty string."""
    meant = re.sub(r"\.py\b", "", name).replace("/", ".").replace(":", ".").strip(".")
    if name.partition(":")[0] in _CLIENTS:
        meant = ENDPOINT + name
    elif isinstance(found, ModuleType):
        named = vars(found).items()
        connections = [each for each, value in named if _is_connection_of(found, value)]
        meant = f"{name}.{connections[0]}" if connections else name
    return f"; did you mean {meant}?" if meant != name else ""


def _is_connection_of(module: ModuleType, value: object) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, SockJSConnection)
        and value.__module__ == module.__name__
    )


def _one_line(error: Exception) -> str:
    """Describe an import error, and where it happened if that was in the imported module."""
    words = " ".join(str(error).split())
    place = traceback.extract_tb(error.__traceback__)[-1]
    if place.filename == reflect.__file__:
        # Raised by the import itself: an attribute is missing, or the module can't be compiled.
        return f"SyntaxError: {words}" if isinstance(error, SyntaxError) else words
    return (
        f"{type(error).__name__}: {words} ({os.path.basename(place.filename)}, line {place.lineno})"
    )
