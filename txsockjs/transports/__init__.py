"""Transports: how a session's output becomes bytes, and a client's bytes become messages."""
