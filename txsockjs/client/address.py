"""`Address`: where a SockJS server is.

Rules: what goes into requests was checked here, so that no header and no line of one can be forged.
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
# What is left as it is in a query: all that is visible but the beginning of a fragment.
_OF_QUERIES = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")
_PORTS = {"http": 80, "https": 443}
# Those of a websocket's handshake, and those of the message's length, are made here.
_OURS = {"connection", "upgrade", "host", "content-length", "transfer-encoding", "cookie"}


@dataclass(frozen=True)
class Address:
    """A URL without its query (``base``), and the query."""

    base: str
    query: str = ""

    @classmethod
    def of_websocket(cls, text: str) -> Address:
        """Read a ``ws:`` or ``wss:`` URL; raise `SettingsError` if it is none."""
        if not re.match(r"(?i)wss?:", text):
            raise SettingsError(f"a URL must be ws://HOST/PATH or wss://..., not {text!r}")
        return cls.parse(f"http{text[2:]}", ends_in_slash=True)

    @classmethod
    def parse(cls, text: str, ends_in_slash: bool = False) -> Address:
        """Read an ``http:`` or ``https:`` URL; raise `SettingsError` if it is none.

        ``ends_in_slash`` is whether its last slash counts, as it does in a page's.
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
        """Its host as it stands in a URL."""
        host = self.uri().host.decode("ascii")
        return f"[{host}]" if ":" in host else host

    @property
    def origin(self) -> str:
        """Its scheme, host and port."""
        uri = self.uri()
        return f"{uri.scheme.decode('ascii')}://{self.host}:{uri.port}"

    @property
    def has_usual_port(self) -> bool:
        """Whether its port is that of its scheme."""
        uri = self.uri()
        return bool(uri.port == _PORTS[uri.scheme.decode("ascii")])

    @property
    def is_secure(self) -> bool:
        """Whether it is reached over TLS."""
        return self.base.startswith("https:")

    def at(self, *names: str) -> str:
        """Return the URL of a path below it, with its query."""
        url = "/".join((self.base, *names))
        return f"{url}?{self.query}" if self.query else url

    def below(self, *names: str) -> Address:
        """Return the address of a path below it."""
        return replace(self, base="/".join((self.base, *names)))

    def asking(self, query: str) -> Address:
        """Return it with one more query after its own."""
        return replace(self, query="&".join(filter(None, (self.query, quote(query, _OF_QUERIES)))))

    def joined(self, link: str) -> Address:
        """Return where a ``base_url`` leads, relative or not, with the query of this one."""
        url = URL.from_text(self.base + "/").click(link)
        return replace(Address.parse(url.to_text()), query=self.query)

    def uri(self) -> URI:
        """Return it as Twisted's endpoints want it."""
        uri: URI = URI.fromBytes(self.at().encode("ascii"))
        return uri


def _uri(url: URL) -> URL:
    """Return a URL that has ASCII only."""
    # hyperlink takes the host for a name, which an IPv6 address is not.
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
