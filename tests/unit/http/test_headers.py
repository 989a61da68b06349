"""Headers of answers: CORS, the session cookie."""

from __future__ import annotations

from typing import Any

import pytest

from txsockjs.http.headers import cors, session_cookie
from txsockjs.settings import Settings

from ...support.exchanges import request


def test_cors_never_gives_credentials_to_everyone() -> None:
    anonymous = dict(cors(request()))
    assert anonymous[b"Access-Control-Allow-Origin"] == b"*"
    assert b"Access-Control-Allow-Credentials" not in anonymous
    named = dict(cors(request(origin="null")))
    assert named[b"Access-Control-Allow-Origin"] == b"null"
    assert named[b"Access-Control-Allow-Credentials"] == b"true"
    assert named[b"Vary"] == anonymous[b"Vary"] == b"Origin"


@pytest.mark.parametrize(
    ("setting", "cookie", "expected"),
    [
        (False, "JSESSIONID=x", []),
        (True, None, [(b"Set-Cookie", b"JSESSIONID=dummy; path=/")]),
        (True, "a=b; JSESSIONID=x.1", [(b"Set-Cookie", b"JSESSIONID=x.1; path=/")]),
        (lambda info: None, None, []),
        (
            lambda info: "ROUTE=a; path=/; Secure",
            None,
            [(b"Set-Cookie", b"ROUTE=a; path=/; Secure")],
        ),
        (lambda info: info.get_cookie("ROUTE"), "ROUTE=b", [(b"Set-Cookie", b"b")]),
        (
            lambda info: f"{info.ip} {info.path}",
            None,
            [(b"Set-Cookie", b"192.0.2.1 /echo/000/abc/xhr")],
        ),
    ],
)
def test_the_session_cookie_is_as_set(setting: Any, cookie: str | None, expected: Any) -> None:
    headers = {} if cookie is None else {"cookie": cookie}
    assert session_cookie(request(**headers), Settings(jsessionid=setting)) == expected
