"""What is asked for, by value: which sessions, and which one is to end; what others answer."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs.admin.asking import Replies
from txsockjs.admin.query import BadQuery, Order, Query

ROW: dict[str, Any] = {
    "id": "a",
    "mount": "/",
    "transport": "xhr",
    "address": "192.0.2.1",
    "origin": None,
    "opened": 1000.5,
    "age": 2,
    "waiting_in": 0,
    "waiting_out": 0,
    "messages_in": 5,
    "messages_out": 5,
    "bytes_in": 10,
    "bytes_out": 10,
}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"colour": "red"}, "unknown argument 'colour', they are mount, transport,"),
        ({"text": "x" * 201}, "text must have at most 200 characters"),
        ({"mount": "x" * 100_000}, "mount must have at most 200"),
        ({"limit": "0"}, "limit must be a number from 1 to 1000, not '0'"),
        ({"limit": "1001"}, "limit must be"),
        ({"limit": "-1"}, "limit must be"),
        ({"limit": "٣"}, "limit must be"),
        ({"limit": "9" * 100}, "limit must be"),
        ({"sort": "size"}, "sort must be one of id, age,"),
        ({"address": "nowhere"}, "address must be an address or a network"),
        ({"cursor": "x"}, "cursor must be that of an answer with the same sort"),
        ({"cursor": '[1, "a", "/"]'}, "cursor must be"),
        ({"cursor": '["a", "/"]', "sort": "age"}, "cursor must be"),
        ({"cursor": "[" * 1000}, "cursor must be"),
        ({"cursor": "x" * 1001}, "cursor must have at most 1000 characters"),
    ],
)
def test_a_wrong_question_is_told_its_rule(arguments: dict[str, str], words: str) -> None:
    with pytest.raises(BadQuery) as raised:
        Query.of(arguments)
    assert words in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        {"sessions": 5, "cursor": None},
        {"sessions": [5], "cursor": None},
        {"sessions": [{}], "cursor": None},
        {"sessions": [{"id": "a", "mount": "/chat", "messages_in": 1}], "cursor": None},
    ],
)
def test_another_answer_is_not_understood(odd: Any) -> None:
    assert Replies({"1": odd}, {}, []).read(Query.of({}).read).answers == {}


def test_rows_are_of_the_kinds_that_are_expected() -> None:
    given = {"sessions": [ROW], "cursor": None}
    assert Replies({"1": given}, {}, []).read(Query.of({}).read).failed == {}
    for name in ROW:
        odd = {**given, "sessions": [{**ROW, name: []}]}
        assert Replies({"1": odd}, {}, []).read(Query.of({}).read).answers == {}, name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mount": "/"}, "id is missing"),
        ({"id": "a"}, "mount is missing"),
        ({"id": ["a"], "mount": "/"}, "id must be a word or a number"),
        ({"id": None, "mount": "/"}, "id must be a word"),
        ({"id": "a", "mount": "/", "force": "yes"}, "unknown argument 'force'"),
        ({"id": "a", "mount": "/", "code": "1006"}, "code must be a number from 3000 to 4999"),
        ({"id": "a", "mount": "/", "code": "x"}, "code must be"),
        ({"id": "a", "mount": "/", "code": "3" * 500}, "code must be"),
    ],
)
def test_a_wrong_order_is_told_its_rule(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(BadQuery, match=words):
        Order.of(arguments)
