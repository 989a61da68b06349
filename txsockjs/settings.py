"""All settings of a router, in one frozen table.

Each field holds its default, its kind (which values are accepted) and its help line, so that
defaults, errors, command-line options and documentation come from one place. A `Settings` is
checked when it is made and never changes after that; `dataclasses.replace` makes a checked copy.
Unknown names and wrong values raise `SettingsError`.
"""

from __future__ import annotations

import dataclasses
import difflib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Callable, TypedDict, Union

from . import _kinds as kinds
from ._kinds import Kind, Network, Rate
from .errors import SettingsError
from .stats import CLIENT_NAMES, TRANSPORTS
from .wire.limits import Limits

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from typing_extensions import Unpack  # every type checker comes with it

    _Field = dataclasses.Field[Any]  # each setting has a type of its own
    _Networks = Union[str, Network, IPv4Address, IPv6Address]

KIB, MIB = 1024, 1024 * 1024

# Names of sockjs-tornado, and what they are called here. None is translated: a host that may open
# websockets is not the same as an origin that may use every transport.
_FORMER = {
    "websocket_allow_origin": "allowed_origins, a list of origins such as https://example.com",
    "user_settings": "the argument settings",
    "io_loop": "the argument reactor",
}


def _setting(default: object, kind: Kind, help: str) -> Any:
    return dataclasses.field(default=default, metadata={"kind": kind, "help": help})


class SettingsKeywords(TypedDict, total=False):
    """The types that settings accept, for type checkers; `Settings` holds their final form."""

    heartbeat_delay: float
    disconnect_delay: float
    session_check_interval: float
    response_limit: int
    response_lifetime: float
    disabled_transports: str | Iterable[str]
    # `Any` is a `ConnectionInfo`, which this module can't import: it stands above.
    jsessionid: bool | Callable[[Any], str | None]
    sockjs_url: str
    base_url: str | Callable[[Any], str] | None
    allowed_origins: str | Iterable[str] | Callable[[str], bool]
    verify_ip: bool
    trusted_proxies: _Networks | Iterable[_Networks]
    subprotocols: str | Sequence[str]
    max_message_size: int
    max_body_size: int
    mailbox_limit: int
    send_limit: int
    max_sessions: int | None
    max_sessions_per_ip: int | None
    open_rate_per_ip: str | Rate | None
    message_rate: str | Rate | None
    ping_timeout: float
    shutdown_code: int
    shutdown_reason: str
    idle_timeout: float
    request_timeout: float
    immediate_flush: bool
    disable_nagle: bool


@dataclasses.dataclass(frozen=True, init=False)
class Settings:
    """The checked settings of one router; times in seconds, sizes in bytes."""

    heartbeat_delay: float = _setting(
        25.0, kinds.SECONDS, "longest silence on an attached receiver, in seconds"
    )
    disconnect_delay: float = _setting(
        5.0, kinds.SECONDS, "how long a session lives without a receiver, in seconds"
    )
    session_check_interval: float = _setting(
        1.0,
        kinds.SECONDS,
        "how often expired sessions are removed and heartbeats of new ones started, in seconds",
    )
    response_limit: int = _setting(
        128 * KIB, kinds.BYTES, "a streaming response ends after this many bytes"
    )
    response_lifetime: float = _setting(
        600.0, kinds.SECONDS, "how long a streaming response lasts, in seconds"
    )
    disabled_transports: frozenset[str] = _setting(
        frozenset(), kinds.names(TRANSPORTS, CLIENT_NAMES), "transports that are not served"
    )
    jsessionid: bool | Callable[[Any], str | None] = _setting(
        False, kinds.SWITCH_OR_FUNCTION, "set a JSESSIONID cookie for sticky load balancers"
    )
    sockjs_url: str = _setting(
        "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js",
        kinds.URL,
        "the client script that the iframe page loads",
    )
    base_url: str | Callable[[Any], str] | None = _setting(
        None, kinds.optional(kinds.URL_OR_FUNCTION), "where clients are told to open sessions"
    )
    allowed_origins: str | frozenset[str] | Callable[[str], bool] = _setting(
        "*", kinds.ORIGINS, "origins of pages that may connect, or * for all"
    )
    verify_ip: bool = _setting(
        False, kinds.SWITCH, "all requests of a session must come from one address"
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        (), kinds.NETWORKS, "networks of proxies that are trusted to tell a client's address"
    )
    subprotocols: tuple[str, ...] = _setting(
        (), kinds.TOKENS, "subprotocols of raw websockets, in order of preference"
    )
    max_message_size: int = _setting(
        MIB, kinds.BYTES, "largest message a client may send, in bytes of UTF-8"
    )
    max_body_size: int = _setting(
        4 * MIB, kinds.BYTES, "largest request body or websocket message, in bytes"
    )
    mailbox_limit: int = _setting(
        MIB, kinds.BYTES, "bytes of messages that wait for the application before a client waits"
    )
    send_limit: int = _setting(
        8 * MIB, kinds.BYTES, "bytes that wait for a slow client before its session is closed"
    )
    max_sessions: int | None = _setting(
        None, kinds.optional(kinds.COUNT), "how many sessions may be open at once"
    )
    max_sessions_per_ip: int | None = _setting(
        None,
        kinds.optional(kinds.COUNT),
        "how many sessions of one address, or IPv6 network /64, may be open at once",
    )
    open_rate_per_ip: Rate | None = _setting(
        None,
        kinds.optional(kinds.RATE),
        "how often one address, or IPv6 network /64, may open a session, such as 10/s",
    )
    message_rate: Rate | None = _setting(
        None,
        kinds.optional(kinds.RATE),
        "how many messages a session may send before its client has to wait, such as 10/s",
    )
    ping_timeout: float = _setting(
        20.0, kinds.SECONDS, "how long a websocket may leave a ping unanswered, in seconds"
    )
    shutdown_code: int = _setting(
        1012, kinds.CLOSE_CODE, "the close code that clients get when the server stops"
    )
    shutdown_reason: str = _setting(
        "Service restart", kinds.CLOSE_REASON, "the reason that clients get when the server stops"
    )
    idle_timeout: float = _setting(
        75.0, kinds.SECONDS, "how long an HTTP connection may stay idle, in seconds"
    )
    request_timeout: float = _setting(
        60.0,
        kinds.SECONDS,
        "how long a request may take to arrive, and a response to be read, in seconds",
    )
    immediate_flush: bool = _setting(
        True, kinds.SWITCH, "send when a turn ends, not when the reactor's iteration ends"
    )
    disable_nagle: bool = _setting(
        True, kinds.SWITCH, "has no effect: small packets always leave at once (TCP_NODELAY)"
    )

    def __init__(self, **overrides: Unpack[SettingsKeywords]) -> None:
        table = _table()
        for name in overrides:
            if name not in table:
                raise unknown(name)
        for name, field in table.items():
            value = overrides.get(name, field.default)
            # The only place that sets the fields of a frozen instance.
            object.__setattr__(self, name, _checked(field, value))
        if self.max_body_size < self.max_message_size:
            raise SettingsError(
                f"max_body_size must be at least max_message_size, which is "
                f"{self.max_message_size}, not {self.max_body_size}"
            )

        if not self.disable_nagle:
            warnings.warn(
                "the setting disable_nagle does nothing: small packets always leave at once",
                DeprecationWarning,
                stacklevel=2,
            )

    @cached_property
    def peer_timeout(self) -> float:
        """How many seconds a peer may acknowledge nothing before it is taken for dead."""
        return self.heartbeat_delay + self.ping_timeout

    @cached_property
    def shutdown(self) -> tuple[int, str]:
        """The close code and reason that clients get when the server stops."""
        return self.shutdown_code, self.shutdown_reason

    @cached_property
    def limits_clients(self) -> bool:
        """Whether the sessions of one client are limited."""
        return self.max_sessions_per_ip is not None or self.open_rate_per_ip is not None

    @cached_property
    def without_rate(self) -> Settings:
        """A copy without a limit to the rate of messages."""
        return self if self.message_rate is None else dataclasses.replace(self, message_rate=None)

    @cached_property
    def limits(self) -> Limits:
        """The limits for one body or one websocket message."""
        return Limits(self.max_message_size, self.max_body_size)

    @classmethod
    def merged(
        cls,
        base: Settings | Mapping[str, object] | None,
        overrides: Mapping[str, object],
    ) -> Settings:
        """Return ``base`` with the values of ``overrides`` in place of its own."""
        if isinstance(base, Settings):
            return dataclasses.replace(base, **_named(overrides))
        if base is None or isinstance(base, Mapping):
            return cls(**{**_named(base or {}), **_named(overrides)})
        raise SettingsError(f"settings must be a Settings or a mapping, not {base!r}")

    @classmethod
    def parse(cls, name: str, text: str) -> Any:
        """Read a setting's value from the text of a command line or an endpoint string."""
        field = _table().get(name)
        if field is None:
            raise unknown(name)
        kind: Kind = field.metadata["kind"]
        try:
            value = kind.parse(text)
        except kinds.Unfit as unfit:
            raise _misfit(field, unfit) from None
        return _checked(field, value)


def unknown(name: object) -> SettingsError:
    """Return the error for an unknown setting, with the name that was probably meant."""
    written = str(name).replace("-", "_")
    if written in _FORMER:
        return SettingsError(f"unknown setting {name!r}, it is {_FORMER[written]} now")
    near = difflib.get_close_matches(written, _table(), n=1)
    hint = f", did you mean {near[0]}?" if near else f", the settings are {', '.join(_table())}"
    return SettingsError(f"unknown setting {name!r}{hint}")


def _table() -> dict[str, _Field]:
    return {field.name: field for field in dataclasses.fields(Settings)}


def _named(values: Mapping[Any, object]) -> dict[str, Any]:
    for name in values:
        if not isinstance(name, str):
            raise unknown(name)
    return dict(values)


def _checked(field: _Field, value: object) -> object:
    kind: Kind = field.metadata["kind"]
    try:
        return kind.check(value)
    except kinds.Unfit as unfit:
        raise _misfit(field, unfit) from None


def _misfit(field: _Field, unfit: kinds.Unfit) -> SettingsError:
    kind: Kind = field.metadata["kind"]
    return SettingsError(f"{field.name} must be {kind.rule}, not {unfit.culprit!r}")
