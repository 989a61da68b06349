"""Translates the options of txsockjs 1.x to settings, each with a warning that names the setting.

Rules: every documented option works, or is refused with an error that says what to do instead. A
name that is neither an option nor a setting is refused.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from .._kinds import SWITCH, Unfit
from ..errors import SettingsError
from ..settings import Settings

_PACKAGE = __name__.partition(".")[0] + "."


def _same(value: object) -> object:
    return value


def _disabled(websocket: object) -> tuple[str, ...]:
    return () if _checked_switch("websocket", websocket) else ("websocket", "rawwebsocket")


def _no_proxies(header: object) -> tuple[str, ...]:
    # The old option trusted the header of any client. Which networks to trust can't be guessed.
    if header is not None and header != "":
        raise SettingsError(
            f"proxy_header={header!r} is not supported any more: name the addresses of the proxies "
            "in trusted_proxies, such as 10.0.0.0/8; they must set X-Forwarded-For or Forwarded"
        )
    return ()


@dataclass(frozen=True)
class Option:
    """The setting that replaces an option, and how a value, or its text, is converted."""

    setting: str
    convert: Callable[[object], object] = _same
    parse: Callable[[str], object] | None = None


OPTIONS = {
    "websocket": Option("disabled_transports", _disabled, lambda text: _switch("websocket", text)),
    "cookie_needed": Option("jsessionid"),
    "heartbeat": Option("heartbeat_delay"),
    "timeout": Option("disconnect_delay"),
    "streaming_limit": Option("response_limit"),
    "encoding": Option("fallback_encoding", parse=str),
    "sockjs_url": Option("sockjs_url"),
    "proxy_header": Option("trusted_proxies", _no_proxies, str),
}


def translated(options: Mapping[str, object]) -> dict[str, object]:
    """Return options, or settings, as settings."""
    settings: dict[str, object] = {}
    for name, value in options.items():
        option = OPTIONS.get(name)
        if option is None:
            settings[name] = value
            continue
        settings[option.setting] = option.convert(value)
        _warn(name, option)
    return settings


def parsed(name: str, text: str) -> tuple[str, object]:
    """Parse a setting, or an option, from text; return the name and value of the setting."""
    option = OPTIONS.get(name)
    if option is None or option.setting == name:
        return name, Settings.parse(name, text)
    value = option.convert((option.parse or _parser(option.setting))(text))
    _warn(name, option)
    return option.setting, value


def _parser(setting: str) -> Callable[[str], object]:
    return lambda text: Settings.parse(setting, text)


def _switch(name: str, text: str) -> bool:
    try:
        return bool(SWITCH.parse(text))
    except Unfit:
        raise SettingsError(f"{name} must be {SWITCH.rule}, not {text!r}") from None


def _checked_switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{name} must be {SWITCH.rule}, not {value!r}")
    return value


def _warn(name: str, option: Option) -> None:
    place = "a keyword" if option.setting == name else f"the keyword {option.setting}"
    warnings.warn(
        f"the option {name!r} of txsockjs 1.x is deprecated: pass {place} instead",
        DeprecationWarning,
        stacklevel=_levels_to_caller(),
    )


def _levels_to_caller() -> int:
    """Count the frames of this package that lead here, so that a warning names the program."""
    levels, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        levels, frame = levels + 1, frame.f_back
    return levels
