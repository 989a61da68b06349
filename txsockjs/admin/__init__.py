"""The site for whoever operates a server: who is there, what happens, and the end of a session."""

from .resource import AdminResource

__all__ = ["AdminResource"]
