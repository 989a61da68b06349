"""`ClientOptions`: the common options of `connect` and `check`: a server, and how to reach it."""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import getopt
from typing import Any, ClassVar

from twisted.internet.interfaces import IReactorTime
from twisted.python import usage

from ..client import SockJSClientEndpoint
from ..client.options import checked_transports
from ..errors import SettingsError


class ClientOptions(usage.Options):
    """A URL, and what to send with each request."""

    synopsis = "[options] URL"
    optParameters: ClassVar[list[list[object]]] = [
        ["transport", None, None, "The transports to try, in order, with commas between them."],
        ["timeout", None, "5", "How long each transport has at least, in seconds."],
    ]

    def __init__(self) -> None:
        usage.Options.__init__(self)
        self["headers"] = {}
        self["cookies"] = {}

    def parseOptions(self, options: Any = None) -> None:
        """Accept options after the URL, too."""
        try:
            found, words = getopt.gnu_getopt(options, self.shortOpt, self.longOpt)
        except getopt.GetoptError as error:
            raise usage.UsageError(str(error)) from None
        valued = {f"--{name[:-1]}" for name in self.longOpt if name.endswith("=")}
        first = [f"{name}={value}" if name in valued else name for name, value in found]
        super().parseOptions([*first, "--", *words])

    def opt_header(self, text: str) -> None:
        """Send this header, "NAME: VALUE", with each request; may be given several times."""
        self._add("headers", text, ":", "--header must be NAME: VALUE")

    def opt_cookie(self, text: str) -> None:
        """Send this cookie, NAME=VALUE, with each request; may be given several times."""
        self._add("cookies", text, "=", "--cookie must be NAME=VALUE")

    def _add(self, group: str, text: str, mark: str, rule: str) -> None:
        name, found, value = text.partition(mark)
        if not found:
            raise usage.UsageError(f"{rule}, not {text!r}")
        self[group][name.strip()] = value.strip()

    def parseArgs(self, *urls: str) -> None:
        """Take the URL."""
        if len(urls) != 1:
            raise usage.UsageError(f"wanted: {self.synopsis}")
        self["url"] = urls[0]

    def postOptions(self) -> None:
        """Parse the numbers and the transports."""
        self["timeout"] = self.number("timeout")
        try:
            if self["transport"] is not None:
                self["transport"] = checked_transports(self["transport"])
            # Only to check: making the endpoint raises an error for the other options.
            self.endpoint(None)
        except SettingsError as error:
            raise usage.UsageError(str(error)) from None

    def number(self, name: str, least: float = 0.0) -> float:
        """Parse a number of seconds."""
        try:
            value = float(self[name])
        except ValueError:
            value = -1.0
        if not value >= least:
            raise usage.UsageError(f"--{name} must be seconds, not {self[name]!r}")
        return value

    def endpoint(self, reactor: IReactorTime | None) -> SockJSClientEndpoint:
        """Make the endpoint."""
        options: dict[str, Any] = {}
        if self["transport"] is not None:
            options["transports"] = self["transport"]
        return SockJSClientEndpoint(
            reactor,
            self["url"],
            headers=self["headers"],
            cookies=self["cookies"],
            timeout=self["timeout"],
            **options,
        )


def shown(text: str) -> str:
    """Return a server's text as one line that is harmless to a terminal."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
