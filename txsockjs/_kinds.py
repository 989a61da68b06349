"""The kinds of value a setting can take: what is accepted, and how text becomes one.

A kind has a rule in words (``> 0 seconds``), a check that returns the value in its final form or
raises `Unfit`, and a parser for text from a command line. It does not know the setting's name:
`txsockjs.settings` puts name, rule and culprit into one message.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Callable, NoReturn, Union

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
SWITCHES = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}

# RFC 6454, section 6.2: scheme, host and port, nothing after them; hosts as browsers send them.
_ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]*)://([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?"
)
# RFC 7230, section 3.2.6.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_URL = re.compile(r"[!-~]+")
# Nine digits are enough for any rate.
_RATE = re.compile(r"([1-9][0-9]{0,8})/(s|min|h)")
_PERIODS = {"s": 1, "min": 60, "h": 3600}


class Unfit(ValueError):
    """A value breaks the rule of its kind; ``culprit`` is the value, or the part at fault."""

    def __init__(self, culprit: object) -> None:
        super().__init__(culprit)
        self.culprit = culprit


@dataclass(frozen=True)
class Kind:
    """A rule in words that completes "must be ...", its check, and its parser."""

    rule: str
    check: Callable[[object], object]
    parse: Callable[[str], object]


@dataclass(frozen=True)
class Rate:
    """``count`` per ``seconds``; after a pause, up to ``count`` may come at once."""

    count: int
    seconds: int

    def __str__(self) -> str:
        period = {seconds: name for name, seconds in _PERIODS.items()}.get(self.seconds, "?")
        return f"{self.count}/{period}"


def optional(kind: Kind) -> Kind:
    """Accept None, written ``none``, besides what ``kind`` accepts."""
    return Kind(
        f"{kind.rule}, or none",
        lambda value: None if value is None else kind.check(value),
        lambda text: None if text.strip().lower() == "none" else kind.parse(text),
    )


def _refuse_text(text: str) -> NoReturn:
    raise Unfit(text)


def _seconds(value: object) -> float:
    # bool is an int to Python, but heartbeat_delay=True is a mistake.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unfit(value)
    try:
        seconds = float(value)
    except OverflowError:
        raise Unfit(value) from None
    if not math.isfinite(seconds) or seconds <= 0:
        raise Unfit(value)
    return seconds


def _parse_number(text: str) -> float:
    try:
        return int(text)  # so that an error shows -1 as -1
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        _refuse_text(text)


def _parse_int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        _refuse_text(text)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise Unfit(value)
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit(value)
    return value


def _parse_switch(text: str) -> bool:
    try:
        return SWITCHES[text.strip().lower()]
    except KeyError:
        _refuse_text(text)


def _switch_or_function(value: object) -> object:
    return value if callable(value) else _switch(value)


def _url(value: object) -> str:
    if not isinstance(value, str) or not _URL.fullmatch(value):
        raise Unfit(value)
    return value


def _url_or_function(value: object) -> object:
    return value if callable(value) else _url(value)


def _items(value: object) -> list[object]:
    """Return the items of a collection; a string is one item."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, (bytes, bytearray)) or not isinstance(value, Iterable):
        raise Unfit(value)
    return list(value)


def _parse_list(text: str) -> tuple[str, ...]:
    if text.strip().lower() == "none":
        return ()
    return tuple(part.strip() for part in text.split(",") if part.strip())


def origin(value: object) -> str:
    """Write an origin as browsers do: lower case, the scheme's default port left out."""
    if not isinstance(value, str):
        raise Unfit(value)
    lowered = value.lower()
    if lowered == "null":  # what sandboxed frames and local files send
        return lowered
    match = _ORIGIN.fullmatch(lowered)
    if match is None:
        raise Unfit(value)
    scheme, host, port = match.groups()
    if port is None or int(port) == DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    if not 0 < int(port) < 65536:
        raise Unfit(value)
    return f"{scheme}://{host}:{int(port)}"


def _origins(value: object) -> object:
    if callable(value):
        return value
    items = _items(value)
    return "*" if "*" in items else frozenset(map(origin, items))


def _network(value: object) -> Network:
    if isinstance(value, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        return value
    if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return ipaddress.ip_network(value)
    try:
        # Not strict: it is clear which network 10.0.0.1/8 means.
        return ipaddress.ip_network(value.strip(), strict=False)  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        raise Unfit(value) from None


def _networks(value: object) -> tuple[Network, ...]:
    single = isinstance(value, (ipaddress.IPv4Network, ipaddress.IPv6Network))
    return tuple(map(_network, [value] if single else _items(value)))


def _token(value: object) -> str:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise Unfit(value)
    return value


def _tokens(value: object) -> tuple[str, ...]:
    if isinstance(value, (set, frozenset)):  # these have no order
        raise Unfit(value)
    return tuple(map(_token, _items(value)))


def names(known: tuple[str, ...], aliases: Mapping[str, str]) -> Kind:
    """Accept any of the known names, in any number; an alias stands for one of them."""

    def named(value: object) -> str:
        if not isinstance(value, str) or (value not in known and value not in aliases):
            raise Unfit(value)
        return aliases.get(value, value)

    def check(value: object) -> frozenset[str]:
        return frozenset(map(named, _items(value)))

    return Kind(f"names among {', '.join(known)}", check, _parse_list)


def _rate(value: object) -> Rate:
    text = str(value) if isinstance(value, (Rate, str)) else ""
    match = _RATE.fullmatch(text)
    if match is None:
        raise Unfit(value)
    return Rate(int(match.group(1)), _PERIODS[match.group(2)])


def _close_code(value: object) -> object:
    # RFC 6455 section 7.4.1: some may not be sent.
    if isinstance(value, bool) or not isinstance(value, int) or not 1000 <= value <= 4999:
        raise Unfit(value)
    if value in (1004, 1005, 1006, 1015):
        raise Unfit(value)
    return value


def _close_reason(value: object) -> str:
    # RFC 6455 section 5.5.1: a close frame has 125 bytes, two of which are the code.
    if not isinstance(value, str) or len(value.encode("utf-8", "replace")) > 123:
        raise Unfit(value)
    return value


SECONDS = Kind("> 0 seconds", _seconds, _parse_number)
BYTES = Kind("a whole number > 0 of bytes", _count, _parse_int)
COUNT = Kind("a whole number > 0", _count, _parse_int)
RATE = Kind("a rate such as 10/s, 60/min or 500/h", _rate, str.strip)
CLOSE_CODE = Kind(
    "a close code in 1000..4999 and not 1004, 1005, 1006 or 1015", _close_code, _parse_int
)
CLOSE_REASON = Kind("text of at most 123 bytes", _close_reason, str)
SWITCH = Kind("on or off", _switch, _parse_switch)
SWITCH_OR_FUNCTION = Kind("on, off or a function", _switch_or_function, _parse_switch)
URL = Kind("a URL", _url, str.strip)
URL_OR_FUNCTION = Kind("a URL or a function", _url_or_function, str.strip)
ORIGINS = Kind(
    '"*", origins such as https://example.com, or a function',
    _origins,
    _parse_list,
)
NETWORKS = Kind("addresses or networks such as 10.0.0.0/8", _networks, _parse_list)
TOKENS = Kind("names such as v12.stomp, in order of preference", _tokens, _parse_list)
