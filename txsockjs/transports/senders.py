"""Senders: requests that bring a client's messages (protocol section 6).

Rules: what waits for room in the session's mailbox waits as the bytes it came in; a body is decoded
when its turn comes, and checked whole before any of it is delivered; nothing is answered before
there is room again, which holds the client back. Called by the URLs; calls the session.
"""

from __future__ import annotations

from functools import partial
from typing import Callable
from urllib.parse import parse_qs

from twisted.internet.defer import Deferred

from ..actors.session import BaseSession
from ..errors import BodyTooLarge, PayloadExpected
from ..http.exchange import Exchange
from ..http.headers import NEVER_CACHED, TEXT, Headers, cors, session_cookie
from ..settings import Settings
from ..wire.proto import decode_messages


def xhr_send(exchange: Exchange, settings: Settings, session: BaseSession) -> Deferred[None] | None:
    """Take the messages of a body that is JSON, whatever its type says."""
    return _send(exchange, settings, session, exchange.take_body, 204, b"")


def jsonp_send(
    exchange: Exchange, settings: Settings, session: BaseSession
) -> Deferred[None] | None:
    """Take the messages of a body that is JSON, or a form with it in the field ``d``."""
    return _send(exchange, settings, session, partial(_form, exchange), 200, b"ok")


def _form(exchange: Exchange) -> bytes:
    body = exchange.take_body()
    kind = (exchange.header("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return body
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=16, errors="strict")
    except ValueError:
        raise PayloadExpected() from None
    return fields.get("d", [""])[0].encode("utf-8")


def _send(
    exchange: Exchange,
    settings: Settings,
    session: BaseSession,
    take: Callable[[], bytes],
    status: int,
    answer: bytes,
) -> Deferred[None] | None:
    size = exchange.body_size()
    if size > settings.max_body_size:
        raise BodyTooLarge()
    headers: Headers = []

    def read() -> list[str]:
        json = take()
        messages = decode_messages(json)
        settings.limits.check(messages, len(json))
        # Before anything is delivered: a cookie may be what an application's function makes.
        headers.extend((TEXT, *NEVER_CACHED, *cors(exchange), *session_cookie(exchange, settings)))
        return messages

    room = session.bring(read, size)
    if room is None:
        exchange.answer(status, headers, answer)
        return None
    exchange.watch(gone=room.cancel)
    return room.addCallback(lambda _: exchange.answer(status, headers, answer))
