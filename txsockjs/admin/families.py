"""The table of metrics: their names, their meaning, and where they are in a report.

Rules: pure; names and units follow Prometheus's conventions. A name, or its meaning, never changes
without a word in the changelog, because users' dashboards and alerts depend on it.
``docs/metrics.md`` is this table for people; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, NamedTuple

from .reading import (
    Report,
    Sample,
    bus_nodes,
    bus_up,
    claims,
    delay,
    dropped,
    ended,
    of_bus,
    of_mount,
    of_process,
    of_site,
    of_transport,
    refused,
    timeouts,
    versions,
)

COUNTER, GAUGE, INFO = "counter", "gauge", "info"
#: The first for events since the start, the second for the present state.
HISTOGRAM, GAUGE_HISTOGRAM = "histogram", "gaugehistogram"


class Family(NamedTuple):
    """A metric; ``name`` lacks the suffix that its kind adds."""

    kind: str
    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[Report], Iterable[Sample]]


_MOUNT = ("mount",)
_TRANSPORT = ("mount", "transport")

FAMILIES = (
    Family(
        GAUGE,
        "txsockjs_sessions_open",
        "Sessions that are open.",
        _TRANSPORT,
        of_transport("open"),
    ),
    Family(
        COUNTER,
        "txsockjs_sessions_opened",
        "Sessions that were opened.",
        _TRANSPORT,
        of_transport("opened"),
    ),
    Family(
        COUNTER,
        "txsockjs_sessions_ended",
        "Sessions that ended, by cause.",
        (*_TRANSPORT, "cause"),
        ended,
    ),
    Family(
        GAUGE,
        "txsockjs_sessions_suspended",
        "Resumable sessions whose client is away, or connected to another process.",
        _MOUNT,
        of_mount("suspended"),
    ),
    Family(
        COUNTER,
        "txsockjs_messages_received",
        "Messages that came from clients.",
        _TRANSPORT,
        of_transport("messages_in"),
    ),
    Family(
        COUNTER,
        "txsockjs_messages_sent",
        "Messages that were handed to transports for clients.",
        _TRANSPORT,
        of_transport("messages_out"),
    ),
    Family(
        COUNTER,
        "txsockjs_received_bytes",
        "Size of the messages that came from clients: characters of text, bytes of binary ones.",
        _TRANSPORT,
        of_transport("bytes_in"),
    ),
    Family(
        COUNTER,
        "txsockjs_sent_bytes",
        "Size of the messages that were sent: characters of text, bytes of binary ones.",
        _TRANSPORT,
        of_transport("bytes_out"),
    ),
    Family(
        COUNTER,
        "txsockjs_frames_sent",
        "Frames that carried messages to clients; the messages of a turn share one.",
        _TRANSPORT,
        of_transport("frames_out"),
    ),
    Family(
        COUNTER,
        "txsockjs_messages_dropped",
        "Messages that reached neither client nor application because their session had ended.",
        _MOUNT,
        of_mount("dropped"),
    ),
    Family(
        GAUGE,
        "txsockjs_connections_open",
        "Requests and sockets that carry sessions now.",
        _MOUNT,
        of_mount("connections"),
    ),
    Family(
        COUNTER,
        "txsockjs_refusals",
        "Requests, messages and new sessions that were refused, by cause.",
        (*_MOUNT, "cause"),
        refused,
    ),
    Family(
        GAUGE_HISTOGRAM,
        "txsockjs_mailbox_bytes",
        "Open sessions by the size of what waits for their application.",
        _MOUNT,
        of_mount("mailboxes"),
    ),
    Family(
        GAUGE_HISTOGRAM,
        "txsockjs_output_bytes",
        "Open sessions by the size of what waits for their client.",
        _MOUNT,
        of_mount("outputs"),
    ),
    Family(
        GAUGE,
        "txsockjs_http_connections_open",
        "Connections to the public ports, websockets among them.",
        (),
        of_site("connections"),
    ),
    Family(
        COUNTER,
        "txsockjs_http_refusals",
        "Requests that were too large before any mount saw them.",
        (),
        of_site("refused"),
    ),
    Family(
        COUNTER,
        "txsockjs_http_timeouts",
        "Connections that were ended because something took too long, by what it was.",
        ("cause",),
        timeouts,
    ),
    Family(
        GAUGE,
        "txsockjs_bus_up",
        "Whether the bus to the other nodes can be reached: 1 or 0.",
        (),
        bus_up,
    ),
    Family(
        GAUGE,
        "txsockjs_bus_nodes",
        "Nodes that are alive as far as this one knows, itself included.",
        (),
        bus_nodes,
    ),
    Family(
        GAUGE,
        "txsockjs_claims_held",
        "Sessions that this node has claimed.",
        _MOUNT,
        claims,
    ),
    Family(
        COUNTER,
        "txsockjs_claims_made",
        "Claims to sessions that were granted to this node.",
        (),
        of_bus("claims"),
    ),
    Family(
        COUNTER,
        "txsockjs_requests_relayed",
        "Requests that came to this node and were passed on to the one that has the session.",
        (),
        of_bus("requests_relayed"),
    ),
    Family(
        COUNTER,
        "txsockjs_requests_served",
        "Requests that came to other nodes and were served here.",
        (),
        of_bus("requests_served"),
    ),
    Family(
        COUNTER,
        "txsockjs_bus_resends",
        "Packets to other nodes that were sent again because they were not acknowledged.",
        (),
        of_bus("packets_resent"),
    ),
    Family(
        COUNTER,
        "txsockjs_bus_gaps",
        "Times that publications to a room were found missing.",
        (),
        of_bus("gaps"),
    ),
    Family(
        COUNTER,
        "txsockjs_bus_dropped",
        "Messages from or to the bus that were dropped, by cause.",
        ("cause",),
        dropped,
    ),
    Family(
        HISTOGRAM,
        "txsockjs_reactor_delay_seconds",
        "How late the reactor's timers fire, measured four times a second.",
        (),
        delay,
    ),
    Family(
        COUNTER,
        "process_cpu_seconds",
        "Processor time, user and system, in seconds.",
        (),
        of_process("cpu_seconds"),
    ),
    Family(
        GAUGE,
        "process_resident_memory_bytes",
        "Resident memory in bytes.",
        (),
        of_process("resident_bytes"),
    ),
    Family(
        GAUGE,
        "process_open_fds",
        "Open file descriptors.",
        (),
        of_process("open_fds"),
    ),
    Family(
        GAUGE,
        "process_max_fds",
        "How many file descriptors may be open.",
        (),
        of_process("max_fds"),
    ),
    Family(
        GAUGE,
        "process_start_time_seconds",
        "When the process started, in seconds since 1970.",
        (),
        of_process("began"),
    ),
    Family(
        INFO,
        "txsockjs_build",
        "The versions of txsockjs, Twisted and Python; always 1.",
        ("version", "twisted", "python"),
        versions,
    ),
)
