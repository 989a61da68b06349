"""A node that drains: what it refuses, what it still does for others, and what its clients hear."""

from __future__ import annotations

from ...support.cluster import Cluster, answer

REASON = (1012, "Service restart")


def test_a_node_that_drains_opens_nothing_and_relays_to_the_end() -> None:
    cluster = Cluster(2)
    leaving, staying = (node.router for node in cluster.nodes)
    cluster.advance(3)  # until each knows of the other
    assert answer(cluster.poll(0, session_id="own")) == (200, b"o\n")
    assert answer(cluster.poll(1, session_id="other")) == (200, b"o\n")
    drained: list[object] = []
    leaving.drain(10, *REASON).addCallback(drained.append)

    # A new session is the other node's, though its requests come here.
    assert answer(cluster.poll(0, session_id="new")) == (200, b"o\n")
    assert leaving.get_session("new") is None
    assert staying.get_session("new") is not None

    for session_id in ("other", "new"):
        assert answer(cluster.say(0, "hello", session_id=session_id)) == (204, b"")
        polled = cluster.poll(0, session_id=session_id)
        assert answer(polled) == (200, b'a["hello"]\n')
        assert b"connection: close" in polled.received.lower()

    # Its own is served over both until it is its turn, and told why over both.
    assert answer(cluster.say(1, "hello", session_id="own")) == (204, b"")
    assert answer(cluster.poll(1, session_id="own")) == (200, b'a["hello"]\n')
    waiting = cluster.poll(1, session_id="own")
    cluster.advance(6)
    assert drained == [None]
    assert answer(waiting) == (200, b'c[1012,"Service restart"]\n')
    assert answer(cluster.poll(0, session_id="own")) == (200, b'c[1012,"Service restart"]\n')
    cluster.settle()
