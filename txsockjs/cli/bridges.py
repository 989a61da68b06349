"""The options of bridges in a mount's table of a configuration file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Callable

from .._kinds import SECONDS, Unfit
from ..errors import SettingsError
from ..protocols.gateway import Upstream
from ..protocols.web_upstream import WebUpstream
from ..wire.text import checked_encoding
from .mount import App


def bridged(app: App, name: str, table: Mapping[str, object]) -> App:
    """Return the application with its table's options; raise `SettingsError` for wrong ones.

    ``name`` is the application's name in the table.
    """
    any_bridge, web = _given(_BRIDGE, table), _given(_WEB, table)
    if isinstance(app, WebUpstream):
        return dataclasses.replace(app, **any_bridge, **web)
    for key in web:
        raise SettingsError(f"{key} is for a URL to bridge to, not for {name}")
    if isinstance(app, Upstream):
        return dataclasses.replace(app, **any_bridge)
    for key in any_bridge:
        raise SettingsError(f"{key} is for an endpoint: or a URL to bridge to, not for {name}")
    return app


Check = Callable[[str, object], object]


def _given(keys: Mapping[str, Check], table: Mapping[str, object]) -> dict[str, Any]:
    return {key: check(key, table[key]) for key, check in keys.items() if key in table}


def _timeout(key: str, value: object) -> object:
    try:
        return SECONDS.check(value)
    except Unfit:
        raise SettingsError(f"{key} must be {SECONDS.rule}, not {value!r}") from None


def _encoding(key: str, value: object) -> object:
    return checked_encoding(value)


def _names(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise SettingsError(f"{key} must be a list of names, not {value!r}")
    return tuple(value)


def _switch(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{key} must be true or false, not {value!r}")
    return value


_BRIDGE: dict[str, Check] = {"connect_timeout": _timeout, "fallback_encoding": _encoding}
_WEB: dict[str, Check] = {
    "headers": _names,
    "cookies": _names,
    "pass_query": _switch,
    "pass_origin": _switch,
    "pass_address": _switch,
}

#: The keys that only a mount with a bridge may have.
KEYS = (*_BRIDGE, *_WEB)
