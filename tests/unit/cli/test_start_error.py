"""Why a process can't start."""

from __future__ import annotations

import os
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


def test_what_is_wrong_while_the_reactor_runs_ends_the_process_even_if_nobody_reads_it() -> None:
    program = "from txsockjs.cli.start_error import end_with; end_with('no database'); print('on')"
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=writer, check=False
        )
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stdout) == (1, b"on\n")
