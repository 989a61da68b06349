"""What is around a message: what is opened, what is dropped and counted."""

import hashlib
import hmac
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txsockjs.cluster.redis.envelope import Envelope

A, B = "a" * 16, "b" * 16


def make(sender=A, secret=None):
    return Envelope(sender, secret, Counter())


@pytest.mark.parametrize("secret", [None, "open sesame"])
def test_what_one_closes_another_opens(secret):
    message = make(A, secret).close(b"channel", b"\0data")
    assert make(B, secret).open(b"channel", message) == (A.encode(), b"\0data")


@pytest.mark.parametrize("secret", [None, "open sesame"])
def test_nobody_opens_its_own(secret):
    ours = make(A, secret)
    assert ours.open(b"channel", ours.close(b"channel", b"data")) is None
    assert not ours._counters


def test_it_looks_as_the_page_says():
    assert make().close(b"channel", b"data") == b"1aaaaaaaaaaaaaaaadata"
    mac = hmac.new(b"secret", b"channel\n" + A.encode() + b"data", hashlib.sha256).hexdigest()
    assert make(A, "secret").close(b"channel", b"data") == f"2{A}{mac}data".encode()


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (None, make(B, "secret").close(b"channel", b"x")),
        ("secret", make(B).close(b"channel", b"x")),
        ("secret", make(B, "Secret").close(b"channel", b"x")),
        ("secret", make(B, "secret").close(b"another", b"x")),
        ("secret", make(B, "secret").close(b"channel", b"x") + b"y"),
        ("secret", b"2" + b"b" * 16),
        ("secret", "2é".encode()),
        ("secret", b'{"send": ["x"]}'),
    ],
)
def test_what_does_not_verify_is_dropped_and_counted(secret, message):
    ours = make(A, secret)
    assert ours.open(b"channel", message) is None
    assert ours._counters == {"messages_unverified": 1}


def test_a_bare_object_is_of_another_program():
    assert make().open(b"channel", b'{"send": ["x"]}') == (None, b'{"send": ["x"]}')


@given(st.binary())
def test_no_bytes_do_harm(message):
    for secret in (None, "secret"):
        ours = make(A, secret)
        opened = ours.open(b"channel", message)
        assert (opened is None) == (sum(ours._counters.values()) == 1)
        assert opened is None or secret is None


def test_a_sender_has_sixteen_characters():
    with pytest.raises(ValueError, match="16"):
        make("short")
