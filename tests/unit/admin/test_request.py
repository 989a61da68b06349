"""What is asked of an admin site, as values."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs.admin.guard import Denied
from txsockjs.admin.query import BadQuery
from txsockjs.admin.request import LONGEST_BODY, Asked

JSON = "application/json"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


def asked(body: bytes = b"", kind: str = JSON, query: bytes = b"") -> Asked:
    return Asked("POST", {"content-type": kind}, None, query, body)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"id": "a b", "mount": "/"}', JSON),
        (b"id=a+b&mount=%2F", FORM),
        (b"id=c&id=a%20b&mount=/", FORM),
    ],
)
def test_an_order_is_json_or_a_form(body: bytes, kind: str) -> None:
    assert asked(body, kind).order() == {"id": "a b", "mount": "/"}


@pytest.mark.parametrize(
    ("body", "kind", "error", "words"),
    [
        (b"{}", "text/plain", Denied, "an order must be application/json or"),
        (b"{}", "", Denied, "an order must be application/json or"),
        (b"x" * (LONGEST_BODY + 1), JSON, Denied, "at most 4096 bytes"),
        (b"{", JSON, BadQuery, "must be JSON"),
        (b"\xff", JSON, BadQuery, "must be JSON"),
        (b"[" * 4000, JSON, BadQuery, "must be JSON"),
        (b"[]", JSON, BadQuery, "a table"),
        (b"a=1&" * 30, FORM, BadQuery, "there may be 20 arguments"),
    ],
)
def test_a_wrong_order_is_told_its_rule(
    body: bytes, kind: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        asked(body, kind).order()


def test_words_of_a_query() -> None:
    assert asked(query=b"text=%3Cb%3E&mount=").words() == {"text": "<b>", "mount": ""}
    assert asked(query=b"text=%ff").words() == {"text": "\ufffd"}
    too_many: Any = b"&".join([b"a=1"] * 21)
    with pytest.raises(BadQuery, match="there may be 20"):
        asked(query=too_many).words()
