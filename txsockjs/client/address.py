"""`Address`: the URL of a SockJS server.

Rules: everything that goes into requests is checked here, so that nobody can forge a header or a
line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from hyperlink import URL, URLParseError
from twisted.web.client import URI

from ..errors import SettingsError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
# Kept as it is in a query: all visible ASCII except the "#" of a fragment.
_OF_QUERIES = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")
_PORTS = {"http": 80, "https": 443}
# These headers are set by the client itself: the websocket handshake's and the length's.
_OURS = {"connection", "upgrade", "host", "content-length", "transfer-encoding", "cookie"}


@dataclass(frozen=True)
class Address:
    """A URL, as its query and the rest (``base``)."""

    base: str
    query: str = ""

    @classmethod
    def of_websocket(cls, text: str) -> Address:
        """Parse a ``ws:`` or ``wss:`` URL; raise `SettingsError` if it is not one."""
        if not re.match(r"(?i)wss?:", text):
            raise SettingsError(f"a URL must be ws://HOST/PATH or wss://..., not {text!r}")
        return cls.parse(f"http{text[2:]}", ends_in_slash=True)

    @classmethod
    def parse(cls, text: str, ends_in_slash: bool = False) -> Address:
        """Parse an ``http:`` or ``https:`` URL; raise `SettingsError` if it is not one.

        ``ends_in_slash`` is whether a trailing slash matters, as it does in a page's URL.
        """
        try:
            url = _uri(URL.from_text(text))
        except (URLParseError, UnicodeError, ValueError, TypeError) as error:
            raise SettingsError(f"not a URL: {text!r} ({error})") from None
        if url.scheme not in _PORTS or not url.host:
            raise SettingsError(f"a URL must be http://HOST/PATH or https://..., not {text!r}")
        if url.port is not None and not 0 < url.port < 65536:
            raise SettingsError(f"a port must be in 1..65535, not {url.port}")
        if url.userinfo:
            raise SettingsError("a URL must have no name and password; send them in a header")
        if url.fragment:
            raise SettingsError(f"a URL must have no fragment, as {text!r} has")
        base, _, query = url.to_text().partition("?")
        return cls(base if ends_in_slash else base.rstrip("/"), query)

    def __str__(self) -> str:
        return self.base

    @property
    def host(self) -> str:
        """The host, as it is written in a URL."""
        host = self.uri().host.decode("ascii")
        return f"[{host}]" if ":" in host else host

    @property
    def origin(self) -> str:
        """The scheme, host and port."""
        uri = self.uri()
        return f"{uri.scheme.decode('ascii')}://{self.host}:{uri.port}"

    @property
    def has_usual_port(self) -> bool:
        """Whether the port is the default of the scheme."""
        uri = self.uri()
        return bool(uri.port == _PORTS[uri.scheme.decode("ascii")])

    @property
    def is_secure(self) -> bool:
        """Whether it uses TLS."""
        return self.base.startswith("https:")

    def at(self, *names: str) -> str:
        """Return the URL of a path below this one, with the query."""
        url = "/".join((self.base, *names))
        return f"{url}?{self.query}" if self.query else url

    def below(self, *names: str) -> Address:
        """Return the address of a path below this one."""
        return replace(self, base="/".join((self.base, *names)))

    def asking(self, query: str) -> Address:
        """Return this address with ``query`` added to its own."""
        return replace(self, query="&".join(filter(None, (self.query, quote(query, _OF_QUERIES)))))

    def joined(self, link: str) -> Address:
        """Return the address of a ``base_url``, relative or not, with the query of this one."""
        url = URL.from_text(self.base + "/").click(link)
        return replace(Address.parse(url.to_text()), query=self.query)

    def uri(self) -> URI:
        """Return the URL in the form that Twisted's agents use."""
        uri: URI = URI.fromBytes(self.at().encode("ascii"))
        return uri


def _uri(url: URL) -> URL:
    """Return the URL in ASCII."""
    # hyperlink would treat the IPv6 address as a name.
    if ":" in url.host:
        return url.replace(host="x").to_uri().replace(host=url.host)
    return url.replace(scheme=url.scheme.lower()).to_uri()


def checked_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return a copy of these headers; raise `SettingsError` if one can't be sent."""
    checked = {}
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not _TOKEN.match(name):
            raise SettingsError(f"not the name of a header: {name!r}")
        if not isinstance(value, str) or not re.fullmatch(r"[\t\x20-\x7e]*", value):
            raise SettingsError(f"the header {name} must be printable ASCII, not {value!r}")
        if name.lower() in _OURS or name.lower().startswith("sec-websocket-"):
            hint = "; give cookies" if name.lower() == "cookie" else ""
            raise SettingsError(f"the header {name} can't be given{hint}")
        checked[name] = value.strip()
    return checked


def checked_cookies(cookies: Mapping[str, str] | None) -> dict[str, str]:
    """Return a copy of these cookies; raise `SettingsError` if one can't be sent (RFC 6265)."""
    checked = {}
    for name, value in (cookies or {}).items():
        if not isinstance(name, str) or not _TOKEN.match(name):
            raise SettingsError(f"not the name of a cookie: {name!r}")
        if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x3a\x3c-\x7e]*", value):
            raise SettingsError(f"the cookie {name} has a character that none may have: {value!r}")
        checked[name] = value
    return checked
