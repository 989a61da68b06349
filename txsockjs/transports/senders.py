"""Senders: requests that bring a client's messages (protocol section 6).

Rules: a body is checked whole before any of it is delivered; nothing is delivered before the
session's mailbox has room, and nothing answered before it has room again, which holds the client
back. Called by the router's resource; tells the session.
"""

from __future__ import annotations

from typing import Callable
from urllib.parse import parse_qs

from twisted.internet.defer import CancelledError

from ..errors import BodyTooLarge, NotFound, PayloadExpected
from ..exchange import Exchange
from ..headers import NEVER_CACHED, TEXT, Headers, cors, session_cookie
from ..interfaces import RECEIVED
from ..proto import decode_messages
from ..session import BaseSession
from ..settings import Settings


def xhr_send(exchange: Exchange, settings: Settings, session: BaseSession) -> None:
    """Take the messages of a body that is JSON, whatever its type says."""
    _take(exchange, settings, session, _body(exchange, settings), 204, b"")


def jsonp_send(exchange: Exchange, settings: Settings, session: BaseSession) -> None:
    """Take the messages of a body that is JSON, or a form with it in the field ``d``."""
    body = _body(exchange, settings)
    kind = (exchange.header("content-type") or "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        try:
            fields = parse_qs(body.decode("utf-8"), max_num_fields=16, errors="strict")
        except ValueError:
            raise PayloadExpected() from None
        body = fields.get("d", [""])[0].encode("utf-8")
    _take(exchange, settings, session, body, 200, b"ok")


def _body(exchange: Exchange, settings: Settings) -> bytes:
    if exchange.body_size() > settings.max_body_size:
        raise BodyTooLarge()
    return exchange.body()


def _take(
    exchange: Exchange,
    settings: Settings,
    session: BaseSession,
    body: bytes,
    status: int,
    answer: bytes,
) -> None:
    messages = decode_messages(body)
    settings.limits.check(messages, len(body))
    if not session.is_open:
        raise NotFound()
    headers: Headers = [
        TEXT,
        *NEVER_CACHED,
        *cors(exchange),
        *session_cookie(exchange, settings),
    ]

    def tell() -> None:
        if not session.is_open:
            exchange.answer(NotFound.status, headers, NotFound.wording.encode("utf-8"))
            return
        if messages:
            session.tell(RECEIVED, messages)
        _when_room(exchange, session, lambda: exchange.answer(status, headers, answer))

    _when_room(exchange, session, tell)


def _when_room(exchange: Exchange, session: BaseSession, go_on: Callable[[], None]) -> None:
    """Go on once the session has room; never, if the client gives up waiting for it."""
    room = session.room()
    if room is None:
        go_on()
        return
    exchange.watch(gone=room.cancel)
    room.addCallbacks(lambda _: go_on(), lambda failure: failure.trap(CancelledError))
