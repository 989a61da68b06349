"""Bytes with a name before them."""

from __future__ import annotations

import pytest

from txsockjs.wire.named import named, read_named


@pytest.mark.parametrize("name", ["", "room", "\u00e9\ud800", "x" * 1000])
def test_names_may_be_any_text(name: str) -> None:
    assert read_named(named(name, b"data")) == (name, b"data")
