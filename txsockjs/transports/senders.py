"""Senders: requests that bring a client's messages (protocol section 6).

Rules: a request waits for room in the session's mailbox with its undecoded body. The body is
decoded when its turn comes, and all of it is checked before any of it is delivered. The answer
waits until there is room again, which holds the client back.
"""

from __future__ import annotations

from typing import Callable, NamedTuple
from urllib.parse import parse_qs

from twisted.internet.defer import Deferred

from ..actors.session import BaseSession
from ..errors import BodyTooLarge, PayloadExpected
from ..http.exchange import Exchange, Head
from ..http.headers import TEXT, Heads
from ..settings import Settings
from ..wire.proto import decode_messages


class Sender(NamedTuple):
    """One way to send: the last segment of its URL, how to get its JSON, and the answer."""

    name: str
    take: Callable[[Exchange], bytes]
    heads: Heads
    body: bytes

    def send(
        self, exchange: Exchange, settings: Settings, session: BaseSession
    ) -> Deferred[None] | None:
        """Deliver the messages of a request, and answer it when there is room for more.

        The Deferred fails with the error to answer instead.
        """
        size = exchange.body_size()
        if size > settings.max_body_size:
            raise BodyTooLarge()
        heads: list[Head] = []

        def read() -> list[str]:
            json = self.take(exchange)
            messages = decode_messages(json)
            settings.limits.check(messages, len(json))
            # Before anything is delivered: a function in the settings makes the cookie, and may
            # raise.
            heads.append(self.heads.of(exchange, settings))
            return messages

        room = session.bring(read, size)
        if room is None:
            exchange.answer(heads[0], self.body)
            return None
        exchange.watch(lost=room.cancel)
        return room.addCallback(lambda _: exchange.answer(heads[0], self.body))


def _from_form(exchange: Exchange) -> bytes:
    body = exchange.take_body()
    kind = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return body
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=16, errors="strict")
    except ValueError:
        raise PayloadExpected() from None
    return fields.get("d", [""])[0].encode("utf-8")


#: The body is JSON, whatever its content type.
XHR_SEND = Sender("xhr_send", lambda exchange: exchange.take_body(), Heads(204, TEXT), b"")
#: The body is JSON, or a form with the JSON in the field ``d``.
JSONP_SEND = Sender("jsonp_send", _from_form, Heads(200, TEXT), b"ok")
