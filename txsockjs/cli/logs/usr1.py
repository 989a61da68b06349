"""`on_usr1`: makes SIGUSR1 reopen the logs."""

from __future__ import annotations

import signal
from typing import Any, Callable

from twisted.internet.interfaces import IReactorFromThreads


def on_usr1(reactor: IReactorFromThreads, reopen: Callable[[], object]) -> None:
    """Call ``reopen`` in the reactor at each SIGUSR1, after the handler set before."""
    number = getattr(signal, "SIGUSR1", None)  # not on Windows
    if number is None:
        return
    before = signal.getsignal(number)

    def told(number: int, frame: Any) -> None:
        if callable(before):
            before(number, frame)
        reactor.callFromThread(reopen)

    signal.signal(number, told)
