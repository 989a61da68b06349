"""Whether a server may get requests."""

from __future__ import annotations

from txsockjs.admin.health import READY, Readiness, all_ready


def test_several_are_ready_if_one_is() -> None:
    away = Readiness(False, "away")
    assert all_ready({"a": READY, "b": READY}) == (True, "2 ready")
    assert all_ready({"a": READY, "b": away}) == (True, "1 ready; b: away")
    assert all_ready({"a": away, "b": away}) == (False, "a: away; b: away")
    assert all_ready({}) == (False, "nobody serves")
