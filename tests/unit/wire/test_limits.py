"""What a message costs, by value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from txsockjs.errors import BatchTooLarge, MessageTooLarge
from txsockjs.wire.limits import Limits, length, utf8_size


@pytest.mark.parametrize(
    ("message", "size"),
    [("", 0), ("abc", 3), ("é", 2), ("☃", 3), ("😀", 4), ("\ud83d", 3), (b"\xff\xff", 2)],
)
def test_a_message_is_as_large_as_its_utf8(message: Any, size: int) -> None:
    assert utf8_size(message) == size


def test_a_batch_is_checked_by_its_messages_and_by_what_they_cost() -> None:
    limits = Limits(message=100, batch=400)
    for fine in (["x" * 100], ["x" * 100, "y" * 100], ["é" * 50], ["\ud83d" * 33], [b"x" * 100]):
        limits.check(fine, len(json.dumps(str(fine))))
    for large in (["x" * 101], ["a", "é" * 51], ["\ud83d" * 34], [b"x" * 101]):
        with pytest.raises(MessageTooLarge):
            limits.check(large, 110)
    limits.check(["a"] * 6, 25)
    with pytest.raises(BatchTooLarge):
        limits.check(["a"] * 7, 29)


def test_one_message_is_no_batch() -> None:
    # Or a limit on bodies as low as that on messages would be a lower one.
    Limits(message=100, batch=100).check(["x" * 100], 100)


@pytest.mark.parametrize("batch", [23, 100, 1000, 4321])
def test_a_harmless_payload_is_one_that_passes_whatever_is_in_it(batch: int) -> None:
    limits = Limits(message=23, batch=batch)
    for size in range(limits.harmless + 1):
        limits.check([""] * max(0, (size - 1) // 3), size)
        limits.check(["x" * size], size)


def test_the_length_of_messages_is_in_characters_and_in_bytes() -> None:
    assert length(["ab", "", "é"]) == 3
    assert length([b"\xc3\xa9", b"abc"]) == 5
    assert length(["é", b"\xc3\xa9"]) == 3
    assert length([]) == 0


def test_a_message_of_lone_surrogates_is_measured_in_no_time() -> None:
    # An error handler of PyPy's would take minutes: it takes the square of their number.
    assert utf8_size("x\ud800" * 100_000) == 400_000
