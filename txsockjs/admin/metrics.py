"""``/metrics``: what Prometheus and its like read from this process, or from its workers.

Rules: all who are asked stand in the answer, those who were silent by the word that they are.
"""

from __future__ import annotations

from typing import NamedTuple

from .asking import Asker

_MISSING = "metrics need prometheus_client: pip install 'txsockjs[metrics]'\n"


class Metrics(NamedTuple):
    """An answer: its status, body and type."""

    status: int
    body: bytes
    type: str


async def metrics(asker: Asker, accept: str = "") -> Metrics:
    """Ask all for a report, and return the metrics in a format that ``accept`` names.

    The status is 501 where the extra ``metrics`` is not installed. Raises `NoAnswer` if too much
    is asked at once.
    """
    try:
        from .exposition import expose  # noqa: PLC0415  # the library is an extra, and takes a while
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "prometheus_client":
            raise
        return Metrics(501, _MISSING.encode(), "text/plain; charset=UTF-8")
    replies = await asker.ask("report")
    up = dict.fromkeys([*replies.silent, *replies.failed], False)
    up.update(dict.fromkeys(replies.answers, True))
    body, kind = expose(replies.answers, up, asker.label, accept)
    return Metrics(200, body, kind)
