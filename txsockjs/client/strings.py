"""Parses a client's endpoint string, ``sockjs:URL:name=value``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from twisted.internet.interfaces import IReactorTime

from ..errors import SettingsError
from ..wire.text import checked_encoding
from .endpoint import SockJSClientEndpoint
from .options import checked_transports


def endpoint_from(
    reactor: IReactorTime, args: Sequence[str], kwargs: Mapping[str, str]
) -> SockJSClientEndpoint:
    """Make the endpoint that the parts of a string describe; raise `SettingsError` if wrong."""
    options: dict[str, Any] = {"headers": {}, "cookies": {}}
    for name, text in kwargs.items():
        group, _, rest = name.partition("-")
        if group in ("header", "cookie") and rest:
            options[f"{group}s"][rest] = text
        elif name in _OPTIONS:
            options[name] = _OPTIONS[name](text)
        else:
            raise SettingsError(
                f"sockjs: has no option {name!r}; a client's has {', '.join(_OPTIONS)}, "
                "header-NAME and cookie-NAME, and = in a URL must be escaped: \\="
            )
    # Unescaped colons in the URL are accepted: they are not ambiguous.
    return SockJSClientEndpoint(reactor, ":".join(args), **options)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"wanted a number, not {text!r}") from None


def _number_or_none(text: str) -> float | None:
    return None if text.lower() == "none" else _number(text)


def _encoding(text: str) -> str | None:
    return None if text.lower() == "none" else checked_encoding(text)


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "transports": checked_transports,
    "timeout": _number,
    "heartbeat_timeout": _number_or_none,
    "fallback_encoding": _encoding,
}
