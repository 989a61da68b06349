"""`check_prefix`: the path at which a router is mounted, as a program or its operator writes it.

Rules: whatever takes a prefix asks here; what is accepted is what the fast way reads in requests
(`wire.request_head`).
"""

from __future__ import annotations

import re

from ..errors import SettingsError
from ..wire.request_head import PREFIX_SEGMENT

_PREFIX = re.compile(rf"(?:{PREFIX_SEGMENT})+\Z")


def check_prefix(prefix: str) -> str:
    """Return a prefix as routers have it: ``/a/b``, or nothing for the root.

    One slash may end it. Raises `SettingsError` for what is no path, or no literal one: a browser
    resolves ``.`` and ``..``, and escapes what is not ASCII.
    """
    if prefix in ("", "/"):
        return ""
    path = prefix[:-1] if isinstance(prefix, str) and prefix.endswith("/") else prefix
    if not isinstance(path, str) or not _PREFIX.match(path):
        raise SettingsError(f"a prefix must be / or a path such as /chat, not {prefix!r}")
    return path
