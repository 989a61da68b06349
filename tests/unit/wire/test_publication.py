"""Publications: what is read, what is refused, and the names of rooms on a bus."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txsockjs.wire import publication
from txsockjs.wire.publication import ASK, CLOSE, NOTHING, POST, PRESENCE, SEND, Publication

VALUES = [
    (SEND, ["a", "\ud800 \u2603"]),
    (POST, [{"a": [1, None]}, "b"]),
    (CLOSE, [3000, "Go away!"]),
    (PRESENCE, {"joined": [{"name": "Ann"}], "left": []}),
    (ASK, {"id": 7, "what": "count"}),
    (NOTHING, None),
]


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_what_is_written_is_read(kind, value):
    data = publication.encode(kind, value, "abc", 5)
    assert publication.decode(data) == Publication("abc", 5, kind, value)


def test_other_programs_leave_out_what_they_do_not_have():
    assert publication.decode(b'{"send": ["hi"]}') == Publication("", 0, SEND, ["hi"])


def test_what_a_later_version_adds_is_ignored():
    assert publication.decode(b'{"v": 1, "post": [1], "new": 2}').value == [1]


@pytest.mark.parametrize(
    "content",
    [
        *(None, 1, "send", ["send"], {}, {"v": 2, "send": ["x"]}, {"what": ["x"]}),
        *({"send": "x"}, {"send": [1]}, {"send": None}, {"post": {}}, {"send": [], "post": []}),
        *({"close": [3000]}, {"close": ["3000", ""]}, {"close": [1006, ""]}, {"close": [3000, 1]}),
        *({"close": [True, ""]}, {"presence": []}, {"presence": {"joined": 1}}),
        *({"ask": 1}, {"ask": {"id": 1, "what": "all"}}, {"ask": {"id": "1", "what": "count"}}),
        *({"send": [], "from": 1}, {"send": [], "n": "1"}, {"send": [], "n": -1}),
        *({"send": [], "n": True}, {"send": [], "from": "x" * 65}),
    ],
)
def test_anything_else_is_refused(content):
    with pytest.raises(ValueError, match=r"^(not|no) "):
        publication.decode(json.dumps(content).encode())


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_do_harm(data):
    with pytest.raises(ValueError, match=r"^(not|no) "):
        publication.decode(data)


def test_rooms_have_names_that_are_never_the_same():
    names = [
        publication.channel_name(prefix, (service, name))
        for prefix in ("", "/a", "/a:b", "/a/b")
        for service in ("", "a", "%23")
        for name in ("a", "b:a", "a#a", "?a#a")
    ]
    assert names[:2] == ["room:#a", "room:#b:a"]
    assert publication.channel_name("/chat", ("news", "lobby")) == "room:/chat?news#lobby"
    assert len(set(names)) == len(names)


def test_names_of_channels_are_escaped_as_the_client_does_it():
    name = "~\xe9\x7f\U0001f600@*_+-./aZ09"
    assert publication.wire_name(name) == "%7E%E9%7F%uD83D%uDE00@*_+-./aZ09"


@given(st.text(st.characters(exclude_categories=[]), min_size=1))
def test_an_escaped_name_can_stand_in_a_frame_and_in_the_name_of_a_room(name):
    assert publication.wire_name(name).isascii()
    assert not set(publication.wire_name(name)) & set(",?#")
