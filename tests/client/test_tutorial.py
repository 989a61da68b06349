"""The tutorial's program and page, in Chromium: members, a room, its history, and a stranger."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sysconfig
from pathlib import Path

import pytest

from ..support.docs import Reader, found
from ..support.needed import program
from ..support.playing import CLIENT, HERE, node
from .conftest import calmly
from .test_chromium import BROWSERS

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")


def test_the_chat_of_the_tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Reader(tmp_path, monkeypatch).read("tutorial.md")
    blocks = [code for language, code in found("tutorial.md") if language == "sh"]
    _, *command = shlex.split(blocks[-1])
    # Its page may connect from the port of the tutorial only; here, the port is any.
    command[command.index("--allowed-origins") + 1] = "*"
    listen = ["--listen", "tcp:0:interface=127.0.0.1"]
    with calmly(TWISTD, "--pidfile=", *command, *listen, cwd=str(tmp_path)) as server:
        config = {
            "chromium": program(*BROWSERS),
            "url": f"{server.url}/",
            "client": str(CLIENT / "sockjs.min.js"),
        }
        played = subprocess.run(
            [node(), str(HERE / "tutorial_in_chromium.js"), json.dumps(config)],
            check=False,
            capture_output=True,
            text=True,
            timeout=400,
        )
    assert played.returncode == 0, played.stderr
