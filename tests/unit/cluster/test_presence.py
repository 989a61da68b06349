"""Who is in a room on other nodes: answers and publications, in any order."""

from txsockjs.cluster.presence import Presence


def change(joined="", left=""):
    return {"joined": list(joined), "left": list(left)}


def test_publications_change_what_was_answered():
    presence = Presence()
    assert presence.answered("node", 3, ["a", "b"]) == change("ab")
    assert presence.changed("node", 4, change("c", "a")) == change("c", "a")
    assert presence.answered("node", 4, ["b", "c"]) is None
    assert sorted(presence.members()) == ["b", "c"]
    assert presence.lost("node") == change("", "bc")
    assert presence.lost("node") is None
    assert presence.members() == []
    assert "node" not in presence


def test_what_is_in_an_answer_already_is_not_counted_again():
    presence = Presence()
    presence.answered("node", 5, ["a", "b"])
    assert presence.changed("node", 5, change("b")) is None
    assert presence.lost("node") == change("", "ab")


def test_what_comes_before_an_answer_waits_for_it():
    presence = Presence()
    presence.ask("node")
    assert presence.is_asked("node")
    assert presence.changed("node", 2, change("b")) is None
    assert presence.changed("node", 3, change("c", "a")) is None
    assert presence.answered("node", 2, ["a", "b"]) == change("bc")
    assert not presence.is_asked("node")


def test_an_answer_that_took_longer_than_what_was_published_since_is_dropped():
    presence = Presence()
    presence.answered("node", 3, ["a"])
    presence.changed("node", 4, change("b"))
    assert presence.answered("node", 3, ["a"]) is None
    assert sorted(presence.members()) == ["a", "b"]
    presence.ask("node", anew=True)
    presence.changed("node", 1, change("c"))
    assert presence.answered("node", 1, ["b", "c"]) == change("c", "a")


def test_without_an_answer_the_publications_have_to_do():
    presence = Presence()
    assert presence.unanswered("node") is None
    presence.answered("node", 1, ["a"])
    presence.ask("node")
    presence.changed("node", 4, change("b", "a"))
    assert presence.knows("node")
    assert presence.unanswered("node") == change("b", "a")
    assert not presence.knows("node")
    presence.answered("node", 5, ["b"])
    assert presence.knows("node")


def test_a_node_may_begin_with_nobody():
    presence = Presence()
    presence.begin("node")
    assert list(presence) == ["node"]
    assert presence.changed("node", 1, {"joined": [None]}) == {"joined": [None]}
    assert presence.changed("node", 2, {"left": [None, "never there"]}) is not None
    assert presence.lost("node") is None
