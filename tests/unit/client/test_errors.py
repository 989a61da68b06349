"""Why a client has no connection."""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived

from txsockjs import SockJSError
from txsockjs.client.errors import (
    ConnectionFailed,
    SessionClosed,
    SessionLost,
    ended,
    explained,
)


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1012, 3000, 4999])
def test_an_end_that_was_meant_is_a_close(code: int) -> None:
    error = ended(code, "because")
    assert isinstance(error, SessionClosed) and isinstance(error, ConnectionDone)
    assert (error.code, error.reason) == (code, "because")
    assert str(error) == f"closed with {code} because"


@pytest.mark.parametrize("code", [1002, 1006, 1011, 1013, 2010])
def test_any_other_end_is_a_loss(code: int) -> None:
    error = ended(code, "")
    assert isinstance(error, SessionLost) and isinstance(error, ConnectionLost)
    assert str(error) == f"lost with {code}"


def test_a_failed_connection_tells_what_was_tried() -> None:
    error = ConnectionFailed("http://x/y", [("websocket", "refused"), ("xhr_polling", "404")])
    assert isinstance(error, ConnectError) and isinstance(error, SockJSError)
    assert str(error) == "cannot connect to http://x/y: websocket: refused; xhr_polling: 404"
    assert error.attempts == (("websocket", "refused"), ("xhr_polling", "404"))


def test_the_first_cause_is_explained() -> None:
    inner = ResponseNeverReceived([Failure(ConnectionLost("gone"))])
    assert explained(Failure(ResponseNeverReceived([Failure(inner)]))).endswith("gone.")
    assert explained(Failure(ValueError("two\nlines"))) == "two lines"
    assert explained(Failure(ValueError())) == "ValueError"
