"""``/metrics``: the metrics of this process or its workers, for Prometheus and its like.

Rules: the answer names all processes asked, the silent ones as silent. It is written in bounded
turns.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from .asking import Asker
from .request import Answer
from .turns import in_turns

# How many small pieces one turn writes.
_MOST_PIECES = 100
_MISSING = "metrics need prometheus_client: pip install 'txsockjs[metrics]'"


async def metrics(asker: Asker, reactor: IReactorTime, accept: str = "") -> Answer:
    """Ask all for a report, and return the metrics in a format that ``accept`` names.

    The status is 501 if the extra ``metrics`` is not installed. Raises `NoAnswer` if too many
    questions are under way.
    """
    try:
        # Imported late: the library is an extra, and slow to import.
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
