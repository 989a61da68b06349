"""`Readiness`: the answer of ``/ready``, for one server or several."""

from __future__ import annotations

from typing import NamedTuple


class Readiness(NamedTuple):
    """Whether a server may get requests, with the reason in one line."""

    ready: bool
    why: str


READY = Readiness(True, "ready")


def all_ready(states: dict[str, Readiness]) -> Readiness:
    """Return whether any of several servers may get requests, and why others may not."""
    kept = [f"{name}: {state.why}" for name, state in states.items() if not state.ready]
    if len(kept) < len(states):
        return Readiness(True, "; ".join([f"{len(states) - len(kept)} ready", *kept]))
    return Readiness(False, "; ".join(kept) or "nobody serves")
