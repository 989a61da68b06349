"""A resumable session by itself; tests/unit/test_resume.py has it with its clients."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.transports.resuming.server import ResumeServer
from txsockjs.transports.resuming.session import ResumableSession


def test_only_text_can_be_sent() -> None:
    server = ResumeServer(SockJSRouter(SockJSConnection, reactor=Clock()))
    session = ResumableSession(SockJSConnection, server, 60.0)
    with pytest.raises(TypeError, match="str on a connection that can be resumed"):
        session.send(b"bytes")
