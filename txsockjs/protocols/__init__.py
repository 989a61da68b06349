"""Protocols: ordinary Twisted protocols over sessions."""
