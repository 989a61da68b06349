"""What type checkers tell the author of an application, line by line.

The programs in ``tests/typing`` say at the end of a line which type is revealed there, or that it
is a mistake; nothing else may be said about them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from txsockjs.factory import Keywords
from txsockjs.settings import Settings, SettingsKeywords

from ..support.needed import lacking
from ..support.running import ROOT

PROGRAMS = Path(ROOT) / "tests" / "typing"
CACHE = Path(ROOT) / ".cache" / "mypy-programs"

Remarks = dict[tuple[str, int], str]


def expected() -> Remarks:
    """What the programs say about themselves, by file and line."""
    found = {}
    for program in PROGRAMS.glob("*.py"):
        for number, line in enumerate(program.read_text(encoding="utf-8").splitlines(), 1):
            if "  # is " in line:
                found[program.name, number] = line.split("  # is ")[1].split("  #")[0]
    return found


def by_line(remarks: Iterator[tuple[str, int, str, str]]) -> Remarks:
    """What a checker says, written as the programs say it: without modules and in short."""
    found = {}
    for path, line, severity, message in remarks:
        if (PROGRAMS / path).parent != PROGRAMS:
            continue  # where what a mistake is about was defined
        revealed = re.search(r'(?:Revealed type is|Type of .* is) "(.*)"', message)
        said = message if revealed is None else re.sub(r"\b(?:\w+\.)+(?=\w)", "", revealed[1])
        found[Path(path).name, line] = "an error" if severity == "error" else said
    return found


def checked_by_mypy() -> Iterator[tuple[str, int, str, str]]:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={CACHE}"]
    run = subprocess.run(
        # No plugin, as an application has none.
        [*command, "--follow-imports=silent", "--output=json", *map(str, PROGRAMS.glob("*.py"))],
        cwd=PROGRAMS,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    for line in run.stdout.splitlines():
        remark = json.loads(line)
        yield remark["file"], remark["line"], remark["severity"], remark["message"]


def checked_by_pyright() -> Iterator[tuple[str, int, str, str]]:
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, PROGRAMS],
        cwd=PROGRAMS,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if not run.stdout.startswith("{"):
        lacking(f"pyright: {run.stderr.splitlines()[-1:]}")
    for remark in json.loads(run.stdout)["generalDiagnostics"]:
        line = remark["range"]["start"]["line"] + 1
        yield remark["file"], line, remark["severity"], remark["message"]


@pytest.mark.parametrize("checker", [checked_by_mypy, checked_by_pyright])
def test_what_a_checker_says_about_programs(checker: typing.Any) -> None:
    assert by_line(checker()) == expected()


def test_checkers_know_every_setting_and_no_other() -> None:
    names = set(Settings.__dataclass_fields__)
    assert set(SettingsKeywords.__annotations__) == names
    assert set(Keywords.__annotations__) == names | {"fallback_encoding"}
