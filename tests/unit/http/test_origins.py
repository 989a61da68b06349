"""Origins, addresses, cookies: the checks that guard an application."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from txsockjs.errors import OriginRefused
from txsockjs.http.origins import check_origin, is_named, page_origin
from txsockjs.settings import Settings

from ...support.exchanges import request

# -- origins


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"origin": "https://a.example"}, "https://a.example"),
        ({"origin": "null"}, "null"),
        ({"referer": "https://a.example/page?x=1"}, "https://a.example"),
        ({"referer": "http://a.example:8080/"}, "http://a.example:8080"),
        ({"referer": "http://[::1]:8080/"}, "http://[::1]:8080"),
        ({"referer": "http://a.example:x/"}, "null"),
        ({"referer": "about:blank"}, "null"),
        ({"referer": "http://a.example; script-src x/"}, "null"),
        ({"referer": "http://*.a.example/"}, "null"),
        ({"referer": "http://a\x7f.example/"}, "null"),
        ({"referer": f"http://{'a' * 256}/"}, "null"),
        ({"origin": "https://a.example", "referer": "https://b.example/"}, "https://a.example"),
        ({"origin": "", "referer": "https://b.example/"}, "https://b.example"),
        ({}, None),
    ],
)
def test_the_page_is_the_origins_or_else_the_referers(headers: Any, origin: str | None) -> None:
    assert page_origin(request(**headers)) == origin


LIST = Settings(allowed_origins=["https://a.example", "http://localhost:3000"])
FUNCTION = Settings(allowed_origins=lambda origin: origin.endswith(".example"))


@pytest.mark.parametrize("settings", [LIST, FUNCTION], ids=["list", "function"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "https://a.example.evil.test"},
        {"origin": "null"},
        {"referer": "https://evil.test/a.example"},
        {"referer": "about:blank"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_pages_that_are_not_named_are_refused(settings: Settings, headers: Any) -> None:
    with pytest.raises(OriginRefused):
        check_origin(request(**headers), settings)


@pytest.mark.parametrize("settings", [LIST, FUNCTION], ids=["list", "function"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://a.example"},
        {"referer": "https://a.example/page"},
        {},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_named_pages_and_requests_of_no_page_are_admitted(settings: Settings, headers: Any) -> None:
    check_origin(request(**headers), settings)


def test_origins_are_compared_without_case_and_default_port() -> None:
    for origin in ("HTTPS://A.Example", "https://a.example:443"):
        assert is_named(origin, LIST)
    for origin in ("http://a.example", "https://a.example:444", "https://a.example/"):
        assert not is_named(origin, LIST)


def test_everyone_is_admitted_and_nobody_named_under_a_star() -> None:
    check_origin(request(origin="https://evil.test"), Settings())
    assert not is_named("https://evil.test", Settings())


def test_an_awaitable_answer_admits_nobody() -> None:
    deferred: Deferred[bool] = Deferred()
    settings = Settings(allowed_origins=lambda origin: deferred)
    with pytest.raises(TypeError, match="allowed_origins must answer at once"):
        check_origin(request(origin="http://evil.example"), settings)
