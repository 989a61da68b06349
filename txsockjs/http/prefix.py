"""`check_prefix`: the path at which a router is mounted, as a program or its operator writes it."""

from __future__ import annotations

from ..errors import SettingsError


def check_prefix(text: str) -> str:
    """Give the prefix as routers have it: ``/a/b``, or nothing for the root."""
    if not isinstance(text, str):
        raise SettingsError(f"a prefix must be / or a path such as /chat, not {text!r}")
    if text in ("", "/"):
        return ""
    parts = (text[:-1] if text.endswith("/") else text).split("/")
    if parts[0] or not all(parts[1:]) or {".", ".."} & set(parts) or {"?", "#"} & set(text):
        raise SettingsError(f"a prefix must be / or a path such as /chat, not {text!r}")
    return "/".join(parts)
