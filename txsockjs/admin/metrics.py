"""``/metrics``: what Prometheus and its like read from this process, or from its workers.

Rules: all who are asked stand in the answer, those who were silent by the word that they are; it is
written in turns, each a bounded stretch.
"""

from __future__ import annotations

from typing import Any

from .asking import Asker
from .request import Answer
from .turns import in_turns

# How many pieces are written in one turn, if they are small.
_MOST_PIECES = 100
_MISSING = "metrics need prometheus_client: pip install 'txsockjs[metrics]'"


async def metrics(asker: Asker, reactor: Any, accept: str = "") -> Answer:
    """Ask all for a report, and return the metrics in a format that ``accept`` names.

    The status is 501 where the extra ``metrics`` is not installed. Raises `NoAnswer` if too much
    is asked at once.
    """
    try:
        # The library is an extra, and takes a while.
        from .exposition import expose, read  # noqa: PLC0415
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "prometheus_client":
            raise
        return Answer.line(501, _MISSING)
    replies = (await asker.ask("report")).read(read)
    up = dict.fromkeys([*replies.silent, *replies.failed], False)
    up.update(dict.fromkeys(replies.answers, True))
    pieces, kind = expose(replies.answers, up, asker.label, accept)
    written = [piece async for piece in in_turns(pieces, reactor, _MOST_PIECES)]
    return Answer(200, b"".join(written), kind)
