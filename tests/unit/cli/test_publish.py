"""The command line of ``python -m txsockjs publish``: what it reads and what it refuses."""

import pytest
from twisted.python import usage

from txsockjs.cli.commands import Options

TO = ["redis://h", "/chat", "lobby"]


def parsed(*words):
    options = Options()
    options.parseOptions(["publish", *words])
    return options.subOptions


def test_each_text_is_one():
    options = parsed(*TO, "hi", "ho")
    assert (options["url"], options["at"], options["name"]) == tuple(TO)
    assert options["values"] == ["hi", "ho"]
    assert options["channel"] == ""
    assert options["cluster-secret"] is None


def test_events_are_json():
    assert parsed("--post", *TO, '{"a": [1]}', "null")["values"] == [{"a": [1]}, None]
    with pytest.raises(usage.UsageError, match="'nonsense' is not JSON"):
        parsed("--post", *TO, "nonsense")


@pytest.mark.parametrize("words", [[], TO])
def test_what_is_missing_is_named(words):
    with pytest.raises(usage.UsageError, match="PREFIX ROOM TEXT"):
        parsed(*words)
