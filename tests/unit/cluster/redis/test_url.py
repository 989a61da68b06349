"""URLs of brokers: what is read, what is refused, and that no password is told."""

import pytest

from txsockjs.cluster.redis.url import RedisURL
from txsockjs.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("redis://localhost", RedisURL("localhost")),
        ("redis://10.0.0.5:7000/3", RedisURL("10.0.0.5", 7000, 3)),
        ("redis://[::1]:7000/", RedisURL("::1", 7000)),
        ("rediss://h", RedisURL("h", secure=True)),
        ("redis://:a%2Fb%40@h/1", RedisURL("h", 6379, 1, None, "a/b@")),
        ("redis://ann:@h", RedisURL("h", user="ann", password="")),
        ("redis://ann:x@h?prefix=chat", RedisURL("h", 6379, 0, "ann", "x", prefix="chat")),
    ],
)
def test_a_url_is_read(text, url):
    assert RedisURL.parse(text) == url


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("localhost:6379", "not 'localhost:6379'"),
        ("http://h", "not http://"),
        ("", "not ''"),
        ("redis:///0", "no host"),
        ("redis://h:port", "[Pp]ort"),
        ("redis://h:70000", "[Pp]ort"),
        ("redis://h:0", "no port 0"),
        ("redis://h/zero", "a database is a number, not 'zero'"),
        ("redis://h/-1", "a database is a number"),
        ("redis://h?db=1", "'db' is unknown"),
        ("redis://h?prefix=", "prefix of a cluster must be"),
        ("redis://h?prefix=a%20b", "prefix of a cluster must be"),
        ("redis://ann@h", "a user without a password"),
        ("redis://:a#b@h", r"[Pp]ort|%23"),
        (None, "not None"),
    ],
)
def test_a_wrong_url_is_refused_with_what_is_right(text, why):
    with pytest.raises(SettingsError, match=rf"(?s)(redis://|ASCII).*{why}|{why}.*ASCII"):
        RedisURL.parse(text)


@pytest.mark.parametrize("text", ["redi://:secret@h", "x:secret@h", "redis://:secret@h:port"])
def test_no_password_is_told(text):
    with pytest.raises(SettingsError) as refusal:
        RedisURL.parse(text)
    assert "secret" not in str(refusal.value)
    assert "secret" not in str(RedisURL.parse("redis://ann:secret@h"))


def test_it_says_where_it_is():
    assert str(RedisURL.parse("redis://ann:x@h/2")) == "redis://ann:***@h:6379/2"
    assert str(RedisURL.parse("rediss://[::1]")) == "rediss://[::1]:6379/0"


def test_channels_tell_the_prefix_and_the_database():
    assert RedisURL.parse("redis://h/3?prefix=mine").channels == "mine:3:"
