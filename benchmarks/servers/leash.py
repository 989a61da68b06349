"""What each server does for who starts it: it says where it listens, and never outlives it.

Run by a peer's interpreter too, so it needs nothing but the standard library.
"""

import os
import sys
import threading


def listening(port, *processes):
    """Say the port, and which processes serve it if several do; end when standard input does."""
    print("listening on", port, *processes, flush=True)
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end():
    sys.stdin.read()
    os._exit(0)
