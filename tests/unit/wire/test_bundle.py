"""Several strings as one: what goes in comes out."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txsockjs.wire.bundle import bundle, read_bundle


@given(st.lists(st.binary()), st.binary())
def test_strings_come_as_they_were_sent(strings: list[bytes], before: bytes) -> None:
    assert read_bundle(before + bundle(strings), len(before)) == strings


@pytest.mark.parametrize("cut", range(1, 16))
def test_one_that_is_cut_is_refused(cut: int) -> None:
    with pytest.raises((ValueError, struct.error)):
        read_bundle(bundle([b"abcd", b"e"])[:-cut])


def test_one_that_has_more_is_refused() -> None:
    with pytest.raises(ValueError, match="longer or shorter"):
        read_bundle(bundle([b"abcd"]) + b"x")
