"""The exceptions of this package. Imports nothing of ours."""


class SockJSError(Exception):
    """Root of every exception that this package raises."""


class SettingsError(SockJSError, ValueError):
    """A setting is unknown, or its value makes no sense."""
