"""``python -m txsockjs``: runs the commands, and does nothing when it is only imported."""

from __future__ import annotations

import importlib
import runpy
import sys

import pytest

from txsockjs.cli import commands


@pytest.fixture(autouse=True)
def _not_imported_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    # Others import every module; runpy warns of one that is there already.
    monkeypatch.delitem(sys.modules, "txsockjs.__main__", raising=False)


def test_it_runs_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["txsockjs"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("txsockjs", run_name="__main__")
    assert ended.value.code == (
        "txsockjs: wanted: one of publish, connect, check; a server is started by twistd sockjs"
    )


def test_a_word_that_is_no_command_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["txsockjs", "tea"])
    with pytest.raises(SystemExit, match=r"^txsockjs: Unknown command: tea$"):
        runpy.run_module("txsockjs", run_name="__main__")


def test_importing_it_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["txsockjs"])
    assert importlib.import_module("txsockjs.__main__").main is commands.main
