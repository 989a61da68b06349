"""Every error: where it stands in the tree, and what a client gets to see of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from txsockjs import errors
from txsockjs.errors import (
    ListenError,
    Refused,
    RequestError,
    SettingsError,
    SockJSError,
    WrongThread,
    unsendable,
)
from txsockjs.http.exchange import REASONS
from txsockjs.stats import REFUSALS

ALL = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, Exception) and each.__module__ == errors.__name__
]
REQUEST_ERRORS = [each for each in ALL if issubclass(each, RequestError)]


def test_the_module_prints_all_of_them() -> None:
    tree = (errors.__doc__ or "").split("::")[1].split("``")[0]
    printed = set(re.findall(r"\b[A-Z]\w+", re.sub(r"(also an? .*|\(protocol.*)", "", tree)))
    assert {each.__name__ for each in ALL} <= printed


@pytest.mark.parametrize("error", ALL)
def test_one_except_catches_all(error: type[Exception]) -> None:
    assert issubclass(error, SockJSError)


@pytest.mark.parametrize(
    ("error", "base"),
    [(SettingsError, ValueError), (ListenError, OSError), (WrongThread, RuntimeError)],
)
def test_errors_of_a_program_are_pythons_too(error: type[Exception], base: type[Exception]) -> None:
    assert issubclass(error, base)


@pytest.mark.parametrize("error", REQUEST_ERRORS)
def test_a_request_error_is_an_answer(error: type[RequestError]) -> None:
    made = error()
    assert str(made) == error.wording
    assert error.status in REASONS
    assert error.status >= 400
    assert error.kind in REFUSALS
    if error is not RequestError:
        assert error.wording


def test_a_refusal_has_a_code_and_a_reason_that_can_be_sent() -> None:
    assert (Refused().code, Refused().reason) == (3000, "Go away!")
    assert (Refused(4001, "no").code, Refused(4001, "no").reason) == (4001, "no")
    with pytest.raises(TypeError, match="a close reason must be str, not b'no'"):
        Refused(4001, b"no")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({}, "a message must be str, not a dict; send json.dumps"),
        ([], "a message must be str, not a list; send json.dumps"),
        (5, "a message must be str, not 5"),
        (None, "a message must be str, not None"),
    ],
)
def test_what_can_not_be_sent_is_told_with_what_can(message: Any, words: str) -> None:
    error = unsendable(message, "str")
    assert isinstance(error, TypeError)
    assert str(error).startswith(words)
