"""Several strings as one: what goes in comes out."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txsockjs.wire.bundle import parts_of, split


@given(st.lists(st.binary()), st.binary())
def test_strings_come_as_they_were_sent(strings: list[bytes], before: bytes) -> None:
    bundle = before + b"".join([part for string in strings for part in parts_of(string)])
    assert split(bundle, len(before)) == strings


@pytest.mark.parametrize("cut", range(1, 8))
def test_one_that_is_cut_is_refused(cut: int) -> None:
    bundle = b"".join(parts_of(b"abcd"))
    with pytest.raises((ValueError, struct.error)):
        split(bundle[:-cut], 0)
