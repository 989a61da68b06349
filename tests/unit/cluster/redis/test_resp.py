"""RESP3: replies in any pieces, by our reader and by hiredis alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txsockjs.cluster.redis import resp
from txsockjs.cluster.redis.resp import NOTHING, BrokenReply, Push, Reader, ReplyError

REPLIES = [
    (b"+OK\r\n", b"OK"),
    (b":-7\r\n", -7),
    (b"$3\r\na\r\n\r\n", None),  # replaced below: a bulk of two bytes that look like an end
    (b"$-1\r\n", None),
    (b"*-1\r\n", None),
    (b"_\r\n", None),
    (b"*0\r\n", []),
    (b"*3\r\n:1\r\n*1\r\n$1\r\nx\r\n_\r\n", [1, [b"x"], None]),
    (b"%1\r\n+server\r\n$5\r\nredis\r\n", {b"server": b"redis"}),
    (b"#t\r\n", True),
    (b",1.5\r\n", 1.5),
]
REPLIES[2] = (b"$2\r\n\r\n\r\n", b"\r\n")


@pytest.fixture(params=["ours", "hiredis"])
def reader(request):
    if request.param == "ours":
        return Reader(Push)
    if resp.hiredis is None:
        pytest.skip("hiredis is not installed")
    return resp.make_reader()


def read(reader, data, size=1):
    found = []
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        while (reply := reader.gets()) is not NOTHING:
            found.append(reply)
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_replies_come_in_any_pieces(reader, size):
    data = b"".join(data for data, _ in REPLIES)
    assert read(reader, data, size) == [reply for _, reply in REPLIES]


def test_a_push_is_told_from_a_reply(reader):
    found = read(reader, b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nd\r\n*1\r\n$1\r\nx\r\n")
    assert [type(each) is Push for each in found] == [True, False]
    assert found[0] == [b"message", b"c", b"d"]


def test_an_error_is_a_reply(reader):
    (error,) = read(reader, b"-WRONGPASS no\r\n")
    assert isinstance(error, ReplyError)
    assert str(error) == "WRONGPASS no"


@pytest.mark.parametrize("data", [b"HTTP/1.1 200 OK\r\n", b"\0\0\r\n"])
def test_what_is_no_reply_is_refused(reader, data):
    reader.feed(data)
    with pytest.raises(BrokenReply):
        reader.gets()


@pytest.mark.parametrize("data", [b"$x\r\n", b":1.5.\r\n", b"*1\r\n?\r\n"])
def test_numbers_that_are_none_are_refused(data):
    reader = Reader()
    reader.feed(data)
    with pytest.raises(BrokenReply):
        reader.gets()


@given(st.lists(st.binary()), st.integers(1, 20))
def test_what_is_written_is_read(words, size):
    assert read(Reader(), resp.command(*words), size) == [words]


def test_a_large_reply_is_not_read_again_for_each_piece():
    reader = Reader()
    reader.feed(b"$1000000\r\n")
    assert reader.gets() is NOTHING
    assert reader._needed == len(b"$1000000\r\n") + 1_000_002


def test_publications_are_written_as_any_command():
    assert resp.publish(b"c", b"data") == resp.command(b"PUBLISH", b"c", b"data")
