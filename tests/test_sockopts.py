"""Options of sockets, on real ones."""

from __future__ import annotations

import socket
import types

import pytest

from txsockjs.server.sockopts import tune


@pytest.mark.parametrize("silence", [0.0001, 45, 1e7, 1e300])
def test_any_silence_is_an_option_that_the_kernel_takes(silence: float) -> None:
    with socket.socket() as handle:
        tune(types.SimpleNamespace(transport=types.SimpleNamespace(socket=handle)), silence)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            value = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert value == min(max(1, int(silence * 1000)), 2**31 - 1)
