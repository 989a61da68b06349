"""`check_prefix`: checks the path of a mount, as a program or its operator writes it.

Rules: all code that takes a prefix checks it here; accepted prefixes are those that the fast way
reads in requests (`wire.request_head`).
"""

from __future__ import annotations

import re

from ..errors import SettingsError
from ..wire.request_head import PREFIX_SEGMENT

_PREFIX = re.compile(rf"(?:{PREFIX_SEGMENT})+\Z")


def check_prefix(prefix: str) -> str:
    """Return a prefix in the form of routers: ``/a/b``, or an empty string for the root.

    It may end in one slash. Raises `SettingsError` if it is not a path, or not a literal one: a
    browser resolves ``.`` and ``..``, and escapes all but ASCII.
    """
    if prefix in ("", "/"):
        return ""
    path = prefix[:-1] if isinstance(prefix, str) and prefix.endswith("/") else prefix
    if not isinstance(path, str) or not _PREFIX.match(path):
        raise SettingsError(f"a prefix must be / or a path such as /chat, not {prefix!r}")
    return path
