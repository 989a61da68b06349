"""`PlainAgent`: makes requests whose answers are safe to pass on.

Rules: nothing is decompressed, because a few bytes could become gigabytes; the number of cookies
taken from a server is bounded.
"""

from __future__ import annotations

from http.cookiejar import CookieJar

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from ..errors import SockJSError

# As many as RFC 6265 (section 6.1) asks a client to keep.
_MOST_COOKIES = 50


class CompressedAnswer(SockJSError):
    """An answer is compressed although the request forbade it."""


@implementer(IAgent)
class PlainAgent:
    """Makes requests with ``agent``; ``jar`` keeps the cookies."""

    def __init__(self, agent: IAgent, jar: CookieJar) -> None:
        self._agent = agent
        self._jar = jar

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """Make a request."""
        headers = Headers() if headers is None else headers.copy()
        # Compressing a stream would also hold its frames back.
        headers.setRawHeaders("Accept-Encoding", ["identity"])
        answer: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)
        return answer.addCallback(self._checked)

    def _checked(self, response: IResponse) -> IResponse:
        headers = response.headers
        coding = b",".join(headers.getRawHeaders(b"content-encoding", [])).strip().lower()
        if coding not in (b"", b"identity"):
            drop(response)
            raise CompressedAnswer(f"the answer is compressed ({coding.decode('latin-1')})")
        cookies = headers.getRawHeaders(b"set-cookie", [])
        headers.removeHeader(b"set-cookie")
        for cookie in cookies[: max(0, _MOST_COOKIES - len(self._jar))]:
            if cookie.isascii():  # others could not be sent back
                headers.addRawHeader(b"set-cookie", cookie)
        return response


def drop(response: IResponse) -> None:
    """End the connection of a response whose body is not wanted."""
    unread = Protocol()
    response.deliverBody(unread)
    if unread.transport is not None:
        unread.transport.loseConnection()
