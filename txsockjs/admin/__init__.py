"""The site for operators: which sessions there are, what happens, and how to end a session."""

from .resource import AdminResource

__all__ = ["AdminResource"]
