"""Tests of applications, as the documentation and the example show them: they pass."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from ..support.pages import blocks
from ..support.running import ROOT


def test_the_code_of_the_documentation_passes() -> None:
    application, *tests = blocks("testing", "python")
    for test in tests:
        names: dict[str, Any] = {}
        exec(application, names)
        exec(test, names)
        played = [name for name in names if name.startswith("test_")]
        assert played
        for name in played:
            names[name]()


def test_the_example_passes() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_chat.py"]
    ran = subprocess.run(
        command,
        cwd=os.path.join(ROOT, "examples"),
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "8 passed" in ran.stdout
