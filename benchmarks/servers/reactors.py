"""Choose the reactor of a Twisted server by its first argument; imported before Twisted's own."""

import sys


def install():
    """Install the reactor named on the command line: ``epoll``, ``asyncio`` or ``uvloop``."""
    name = sys.argv[1] if len(sys.argv) > 1 else "epoll"
    if name == "epoll":
        from twisted.internet import epollreactor  # noqa: PLC0415

        epollreactor.install()
        return
    from twisted.internet import asyncioreactor  # noqa: PLC0415

    if name == "uvloop":
        import uvloop  # noqa: PLC0415

        asyncioreactor.install(uvloop.new_event_loop())
    elif name == "asyncio":
        asyncioreactor.install()
    else:
        sys.exit(f"the reactor must be epoll, asyncio or uvloop, not {name!r}")
