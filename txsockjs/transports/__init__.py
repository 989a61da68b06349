"""Transports: turn a session's output into bytes, and a client's bytes into messages."""
