"""Which server, and how to reach it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.python import usage

from txsockjs.cli.client_options import ClientOptions


def parsed(*words: str) -> ClientOptions:
    options = ClientOptions()
    options.parseOptions(words)
    return options


@pytest.mark.parametrize(
    "words",
    [
        ("--transport", "xhr,websocket", "--header=A: b:c", "--cookie", "d=e=f", "http://x/y"),
        ("http://x/y", "--transport=xhr,websocket", "--header", "A: b:c", "--cookie", "d=e=f"),
    ],
)
def test_options_stand_before_and_after_the_url(words: Any) -> None:
    opening = parsed(*words).endpoint(Clock()).opening
    assert opening.address.base == "http://x/y"
    assert opening.options.transports == ("xhr_polling", "websocket")
    assert opening.headers == {"A": "b:c"}
    assert opening.cookies == {"d": "e=f"}
    assert opening.options.timeout == 5.0


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ((), r"wanted: \[options\] URL"),
        (("http://x", "http://y"), r"wanted: \[options\] URL"),
        (("x/y",), "a URL must be http://HOST/PATH"),
        (("http://x", "--transport", "pigeon"), "transports must be of websocket"),
        (("http://x", "--timeout", "soon"), "--timeout must be seconds, not 'soon'"),
        (("http://x", "--timeout", "0"), "timeout must be > 0"),
        (("http://x", "--header", "A"), "--header must be NAME: VALUE, not 'A'"),
        (("http://x", "--header", "A: b\nC: d"), "the header A must be printable ASCII"),
        (("http://x", "--cookie", "A"), "--cookie must be NAME=VALUE, not 'A'"),
        (("http://x", "--nothing"), "--nothing not recognized"),
    ],
)
def test_what_is_wrong_is_said(words: Any, rule: Any) -> None:
    with pytest.raises(usage.UsageError, match=rule):
        parsed(*words)
