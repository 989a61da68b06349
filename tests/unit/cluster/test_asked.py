"""A request that may be another node's to answer, as the result of one that is relayed at once."""

from __future__ import annotations

from typing import Any

from txsockjs.cluster.asked import Asked
from txsockjs.errors import Overloaded


def test_its_asker_hears_how_it_ended() -> None:
    heard: list[Any] = []

    class Asker:
        def answered(self, asked: Asked, found: bool) -> None:
            heard.append((asked, found))

        def refused(self, asked: Asked, error: Any) -> None:
            heard.append((asked, error))

    nothing: Any = None
    asked = Asked(nothing, "id", "xhr", None, nothing, Asker(), nothing)
    error = Overloaded()
    asked.callback(True)
    asked.callback(False)
    asked.errback(error)
    assert heard == [(asked, True), (asked, False), (asked, error)]
