"""`Guard`: decides which requests an admin site answers.

Rules: the Host header must be one of the site's own names; otherwise any page could reach a server
on localhost under a name of its own (DNS rebinding). A request made by a page must come from a page
of this site. The token guards everything that changes something, and everything that discloses
something unless the request comes from this machine. It is compared in constant time.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress

from ..errors import SettingsError

#: The least length of a token; nobody can try all tokens of this length.
SHORTEST_TOKEN = 16
_LONGEST_TOKEN = 1024
_TOKEN = re.compile(r"[!-~]+")  # what a header can carry as one word
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?")
# A client behind a proxy is not on this machine, even if the proxy is.
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
_NO_PAGE = (None, "", "none", "same-origin")

NO_TOKEN = "from elsewhere than this machine, an admin site is used with a token (--admin-token)"


class Denied(Exception):
    """A request that is refused; its status, and a line that says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Guard:
    """The checks that an admin site makes before it answers.

    ``names`` are the names of the site besides localhost and the connection's address; ``token``
    may be None. If the site is ``exposed``, requests from this machine are treated like all others.
    """

    def __init__(
        self, names: Iterable[str] = (), token: str | None = None, exposed: bool = False
    ) -> None:
        self._names = {check_name(name) for name in names}
        self._token = None if token is None else check_token(token).encode()
        self._exposed = exposed

    @property
    def has_token(self) -> bool:
        """Whether there is a token, so that requests may come from other machines."""
        return self._token is not None

    def expose(self) -> None:
        """Treat all requests as coming from other machines."""
        self._exposed = True

    def check_host(self, headers: Mapping[str, str], address: IAddress | None) -> None:
        """Raise `Denied` unless the request is for one of the site's own names.

        ``address`` is the address of this end of the connection.
        """
        name = _host(headers.get("host", ""))
        if name is None or not (
            name == "localhost"
            or name in self._names
            or is_loopback(name)
            or name == getattr(address, "host", None)
        ):
            raise Denied(
                421,
                "the Host header names another server; this one is localhost, its address, and "
                "what --admin-name says",
            )

    def check_page(self, headers: Mapping[str, str]) -> None:
        """Raise `Denied` if a page of another site made the request."""
        origin = headers.get("origin")
        if origin is None:
            foreign = headers.get("sec-fetch-site") not in _NO_PAGE
        else:
            scheme, _, host = origin.lower().partition("://")
            foreign = scheme not in ("http", "https") or _normal(host, scheme) != _normal(
                headers.get("host", ""), scheme
            )
        if foreign:
            raise Denied(403, "only pages of this site may do this")

    def check_reader(self, headers: Mapping[str, str], address: IAddress | None) -> None:
        """Raise `Denied` unless the request may read something.

        A link on any page may lead here: the person who follows it reads the answer, but the page
        does not.
        """
        if headers.get("sec-fetch-mode") != "navigate":
            self.check_page(headers)
        if self.needs_token(headers, address):
            self.check_token(bearer(headers))

    def check_writer(self, headers: Mapping[str, str], address: IAddress | None) -> None:
        """Raise `Denied` unless the request may change something."""
        self.check_page(headers)
        if self._token is not None or self.needs_token(headers, address):
            self.check_token(bearer(headers))

    def check_place(self, headers: Mapping[str, str], address: IAddress | None) -> None:
        """Raise `Denied` if no request from this place could be admitted."""
        if self._token is None and self.needs_token(headers, address):
            raise Denied(403, NO_TOKEN)

    def needs_token(self, headers: Mapping[str, str], address: IAddress | None) -> bool:
        """Return whether reading requires the token."""
        here = isinstance(address, UNIXAddress) or is_loopback(getattr(address, "host", ""))
        return self._exposed or not here or any(name in headers for name in _FORWARDED)

    def check_token(self, given: str) -> None:
        """Raise `Denied` unless this is the token."""
        if self._token is None:
            raise Denied(403, NO_TOKEN)
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token):
            raise Denied(401, "wrong token" if given else "a token is needed")


def read_token(path: str) -> str:
    """Return the token in a file, stripped; raise `SettingsError` if there is none."""
    try:
        with open(path, "rb") as file:
            text = file.read(2 * _LONGEST_TOKEN).decode("utf-8")
    except OSError as error:
        raise SettingsError(f"cannot read the admin token: {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"the admin token in {path} is not text") from None
    if not text.strip():
        raise SettingsError(f"the admin token in {path} is empty")
    try:
        return check_token(text.strip())
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def check_token(token: str) -> str:
    """Return a token; raise `SettingsError` if it is invalid, without showing it."""
    if not SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN:
        rule = f"{SHORTEST_TOKEN} to {_LONGEST_TOKEN} characters"
        raise SettingsError(f"an admin token must have {rule}, not {len(token)}")
    if not _TOKEN.fullmatch(token):
        raise SettingsError("an admin token must be one word of printable ASCII characters")
    return token


def check_name(name: str) -> str:
    """Return a host name of the site in lower case; raise `SettingsError` if it is invalid."""
    host = _host(name) if isinstance(name, str) else None
    if host is None or name.strip("[]").lower() != host:
        raise SettingsError(f"an admin name must be a host name without a port, not {name!r}")
    return host


def is_loopback(host: str) -> bool:
    """Return whether this is an address of this machine that no other machine can reach."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def bearer(headers: Mapping[str, str]) -> str:
    """Return the token in a request, or an empty string."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _host(header: str) -> str | None:
    """Return the name in a Host header, in lower case and without its port, or None."""
    found = _HOST.fullmatch(header.lower())
    return None if found is None else found[1].strip("[]")


def _normal(host: str, scheme: str) -> str:
    return host.lower().removesuffix(":443" if scheme == "https" else ":80")
