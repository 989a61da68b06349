"""Why a process can't start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from txsockjs.cli.start_error import StartError
from txsockjs.errors import SockJSError


def test_it_is_an_error_of_this_package_and_an_end_of_the_process() -> None:
    with pytest.raises(SystemExit) as raised:
        raise StartError("no port is free")
    assert isinstance(raised.value, SockJSError)
    assert str(raised.value) == raised.value.code == "no port is free"


def test_uncaught_it_is_one_line_and_no_traceback() -> None:
    program = "from txsockjs.cli.start_error import StartError; raise StartError('no port is free')"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "no port is free\n")
