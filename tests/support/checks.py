"""What several kinds of answers have in common (protocol, section 2)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from .peer import Response

NO_CACHE = "no-store, no-cache, no-transform, must-revalidate, max-age=0"
YEAR = "31536000"
PLAIN = "text/plain; charset=UTF-8"


def assert_never_cached(answer: Response) -> None:
    assert answer.headers["cache-control"] == NO_CACHE
    assert "expires" not in answer.headers
    assert "last-modified" not in answer.headers


def assert_cached_for_a_year(answer: Response) -> None:
    assert answer.headers["cache-control"] == f"public, max-age={YEAR}"
    expires = parsedate_to_datetime(answer.headers["expires"])
    assert expires > datetime.now(timezone.utc) + timedelta(days=360)
    assert "last-modified" not in answer.headers


def assert_open_to_all(answer: Response) -> None:
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert "origin" in answer.headers.tokens("vary")


def assert_open_to(answer: Response, origin: str) -> None:
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "origin" in answer.headers.tokens("vary")


def assert_no_cookie(answer: Response) -> None:
    assert "set-cookie" not in answer.headers


def assert_refused(answer: Response, status: int, words: str) -> None:
    """Check an error whose wording clients and their suites know."""
    assert (answer.status, answer.text) == (status, words)


def assert_not_found(answer: Response) -> None:
    assert answer.status == 404
    assert_no_cookie(answer)


def assert_wrong_method(answer: Response, method: str, allowed: tuple[str, ...]) -> None:
    """Check a 405: which methods there are, and nothing else."""
    assert answer.status == 405
    offered = {token.upper() for token in answer.headers.tokens("allow")}
    assert offered >= set(allowed)
    assert method not in offered
    assert answer.body == b""
    assert "content-type" not in answer.headers
