"""Senders: requests that bring a client's messages (protocol section 6).

Rules: a body is checked whole before any of it is delivered; the answer waits until the session's
mailbox has room, which holds the client back. Called by the router's resource; tells the session.
"""

from __future__ import annotations

from typing import Callable
from urllib.parse import parse_qs

from ..errors import BodyTooLarge, NotFound, PayloadExpected
from ..exchange import Exchange
from ..headers import NEVER_CACHED, TEXT, Headers, cors, session_cookie
from ..interfaces import RECEIVED
from ..proto import decode_messages
from ..session import BaseSession
from ..settings import Settings


def xhr_send(exchange: Exchange, settings: Settings, session: BaseSession) -> None:
    """Take the messages of a body that is JSON, whatever its type says."""
    messages = decode_messages(_body(exchange, settings))
    _take(exchange, settings, session, messages, 204, b"")


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
    _take(exchange, settings, session, decode_messages(body), 200, b"ok")


def _body(exchange: Exchange, settings: Settings) -> bytes:
    body = exchange.body()
    if len(body) > settings.max_body_size:
        raise BodyTooLarge()
    return body


def _take(
    exchange: Exchange,
    settings: Settings,
    session: BaseSession,
    messages: list[str],
    status: int,
    body: bytes,
) -> None:
    if any(len(message) > settings.max_message_size for message in messages):
        raise BodyTooLarge()
    if not session.is_open:
        raise NotFound()
    headers: Headers = [
        TEXT,
        *NEVER_CACHED,
        *cors(exchange),
        *session_cookie(exchange, settings),
    ]
    answer: Callable[[object], None] = lambda _: exchange.answer(status, headers, body)  # noqa: E731
    if messages:
        session.tell(RECEIVED, messages)
    room = session.room()
    if room is None:
        answer(None)
    else:
        room.addCallback(answer)
