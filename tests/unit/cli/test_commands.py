"""The commands of ``python -m txsockjs``."""

from __future__ import annotations

import pytest
from twisted.python import usage

from txsockjs.cli.commands import Options


def test_a_command_is_needed() -> None:
    with pytest.raises(usage.UsageError, match="wanted: one of publish, connect, check"):
        Options().parseOptions([])


@pytest.mark.parametrize("command", ["connect", "check"])
def test_each_reads_its_own_words(command: str) -> None:
    options = Options()
    options.parseOptions([command, "http://x/y", "--json"])
    assert options.subCommand == command
    assert options.subOptions["json"]
