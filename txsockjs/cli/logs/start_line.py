"""`log_start`: logs what a server serves, where, and within which limits.

Rules: one line, and a warning if the system allows fewer file descriptors than sessions.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import Logger

from ..mount import Mount
from ..plan import Plan

try:
    import resource
except ImportError:  # on Windows, where nobody sets such a limit
    resource = None  # type: ignore[assignment]

_log = Logger()

# How many descriptors a process should have if the number of sessions is not limited.
ENOUGH = 4096
# The settings that limit clients.
_LIMITS = ("max_sessions", "max_sessions_per_ip", "open_rate_per_ip", "message_rate")


def log_start(plan: Plan, urls: Iterable[str], admin: Iterable[str] = ()) -> None:
    """Log where a plan is served, and warn if the system's limit is too low for it."""
    limit = descriptor_limit()
    _log.info("{line}", line=start_line(plan, list(urls), list(admin), limit))
    needed = sessions_to_expect(plan)
    if limit is not None and limit < needed:
        _log.warn(
            "a process may have {limit} file descriptors, and each websocket takes one: raise that "
            "to more than {needed} with LimitNOFILE of systemd, or ulimit -n",
            limit=limit,
            needed=needed,
        )


def start_line(plan: Plan, urls: list[str], admin: list[str], limit: int | None) -> str:
    """Return the line; ``limit`` is how many descriptors a process may have, None for any."""
    mounts = ", ".join(_described(plan, mount) for mount in plan.mounts) or "the demo"
    parts = [f"serving {mounts} at {', '.join(urls)}"]
    if admin:
        parts.append(f"admin at {', '.join(admin)}")
    if plan.workers > 1:
        parts.append(f"{plan.workers} workers, the limits are those of each")
    parts.append(f"{'any number of' if limit is None else limit} file descriptors")
    return "; ".join(parts)


def _described(plan: Plan, mount: Mount) -> str:
    app = mount.connection
    name = f"{app.__module__}.{app.__qualname__}" if isinstance(app, type) else app.description
    settings = plan.settings_of(mount)
    values = {limit: getattr(settings, limit) for limit in _LIMITS}
    limits = [f"{limit} {value}" for limit, value in values.items() if value is not None]
    return f"{mount.prefix or '/'} ({', '.join([name, *limits])})"


def sessions_to_expect(plan: Plan) -> int:
    """Return how many sessions a process may have, or a usual number if there is no limit."""
    bounds = [plan.settings_of(mount).max_sessions for mount in plan.mounts]
    known = [bound for bound in bounds if bound is not None]
    return sum(known) if known and len(known) == len(bounds) else max(sum(known), ENOUGH)


def descriptor_limit() -> int | None:
    """Return how many file descriptors this process may have, or None for any number."""
    if resource is None:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
