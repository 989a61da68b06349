"""`Envelope`: the format around each message in a channel.

::

    1SSSSSSSSSSSSSSSSdata                  S: the sender, 16 characters
    2SSSSSSSSSSSSSSSSMMMM...MMMMdata       M: 64 hexadecimal digits, where there is a cluster_secret

M is HMAC-SHA256, with the secret as key, of the channel's whole name, a line feed, the sender and
the data. Without a secret, a JSON object may come bare, from programs that are not nodes.

Rules: with a secret, only messages that verify are taken; without one, only unsigned ones. Nothing
here is unpickled or evaluated.
"""

from __future__ import annotations

import hmac
from collections import Counter
from typing import NamedTuple

from twisted.logger import Logger

_log = Logger()

#: The length of a node's name in characters.
SENDER = 16
_MAC = 64


class Opened(NamedTuple):
    """A message: its sender, None if that is not a node, and the data."""

    sender: bytes | None
    data: bytes


class Envelope:
    """Closes and opens messages, and counts those that can't be opened."""

    def __init__(self, sender: str, secret: str | None, counters: Counter[str]) -> None:
        self._sender = sender.encode()
        if len(self._sender) != SENDER:
            raise ValueError(f"a sender's name must have {SENDER} characters, not {sender!r}")
        self._secret = secret.encode() if secret is not None else None
        self._plain = b"1" + self._sender
        self._counters = counters
        self._warned = False

    def close(self, channel: bytes, data: bytes) -> bytes:
        """Return data in its envelope."""
        if self._secret is None:
            return self._plain + data
        return b"2%b%b%b" % (self._sender, self._mac(channel, self._sender, data), data)

    def open(self, channel: bytes, message: bytes) -> Opened | None:
        """Return a message, or None if it must be dropped because it is our own or invalid."""
        sender = message[1 : 1 + SENDER]
        if sender == self._sender:
            return None
        version = message[:1]
        if version == b"1" and self._secret is None and len(sender) == SENDER:
            return Opened(sender, message[1 + SENDER :])
        if version == b"2" and self._secret is not None:
            mac = message[1 + SENDER : 1 + SENDER + _MAC]
            data = message[1 + SENDER + _MAC :]
            if hmac.compare_digest(mac, self._mac(channel, sender, data)):
                return Opened(sender, data)
        if version == b"{" and self._secret is None:
            return Opened(None, message)
        if version in (b"1", b"2", b"{"):
            self._unverified(channel)
        else:
            self._counters["messages_invalid"] += 1
        return None

    def _mac(self, channel: bytes, sender: bytes, data: bytes) -> bytes:
        assert self._secret is not None
        return (
            hmac.digest(self._secret, b"%b\n%b%b" % (channel, sender, data), "sha256")
            .hex()
            .encode()
        )

    def _unverified(self, channel: bytes) -> None:
        self._counters["messages_unverified"] += 1
        if not self._warned:
            self._warned = True
            _log.warn(
                "a message in {channel} is not by our cluster_secret, and was dropped, as all like "
                "it: all nodes must have the same one, or none",
                channel=channel.decode("utf-8", "replace"),
            )
