"""The kinds of values: what each accepts, in which form it is kept, and what is at fault."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from txsockjs import _kinds as kinds
from txsockjs._kinds import Kind, Unfit


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        (kinds.SECONDS, 1, 1.0),
        (kinds.SECONDS, 0.5, 0.5),
        (kinds.BYTES, 1, 1),
        (kinds.SWITCH, True, True),
        (kinds.URL, "//cdn.example/a.js", "//cdn.example/a.js"),
        (kinds.ORIGINS, "*", "*"),
        (kinds.ORIGINS, ["http://a.example", "*"], "*"),
        (kinds.ORIGINS, "HTTP://A.example:80", frozenset({"http://a.example"})),
        (kinds.NETWORKS, "10.0.0.1/8", (ipaddress.ip_network("10.0.0.0/8"),)),
        (kinds.NETWORKS, [ipaddress.ip_address("::1")], (ipaddress.ip_network("::1"),)),
        (kinds.TOKENS, "v12.stomp", ("v12.stomp",)),
        (kinds.RATE, "10/s", kinds.Rate(10, 1)),
        (kinds.RATE, "999999999/h", kinds.Rate(999_999_999, 3600)),
    ],
)
def test_a_value_is_kept_in_one_form(kind: Kind, given: Any, kept: Any) -> None:
    assert kind.check(given) == kept
    assert kind.check(kept) == kept


@pytest.mark.parametrize("kind", [kinds.SWITCH_OR_FUNCTION, kinds.URL_OR_FUNCTION, kinds.ORIGINS])
def test_a_function_is_kept(kind: Kind) -> None:
    assert kind.check(print) is print


@pytest.mark.parametrize(
    ("kind", "given", "culprit"),
    [
        (kinds.SECONDS, 0, 0),
        (kinds.SECONDS, True, True),
        (kinds.SECONDS, float("inf"), float("inf")),
        (kinds.SECONDS, 10**400, 10**400),
        (kinds.COUNT, 1.0, 1.0),
        (kinds.SWITCH, 1, 1),
        (kinds.URL, "a b", "a b"),
        (kinds.ORIGINS, ["http://a.example", "http://a.example/"], "http://a.example/"),
        (kinds.ORIGINS, b"http://a.example", b"http://a.example"),
        (kinds.ORIGINS, "http://a.example:70000", "http://a.example:70000"),
        (kinds.NETWORKS, ["10.0.0.0/8", "here"], "here"),
        (kinds.TOKENS, ["a", "b c"], "b c"),
        (kinds.TOKENS, {"a"}, {"a"}),
        (kinds.RATE, "10/S", "10/S"),
        (kinds.RATE, "1000000000/s", "1000000000/s"),
        (kinds.RATE, "\u0661/s", "\u0661/s"),
        (kinds.RATE, kinds.Rate(0, 1), kinds.Rate(0, 1)),
        (kinds.RATE, b"10/s", b"10/s"),
    ],
)
def test_the_part_that_is_at_fault_is_told(kind: Kind, given: Any, culprit: Any) -> None:
    with pytest.raises(Unfit) as raised:
        kind.check(given)
    assert raised.value.culprit == culprit
    assert kind.rule


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (kinds.SECONDS, "-1", -1),
        (kinds.SECONDS, "0.5", 0.5),
        (kinds.BYTES, "12", 12),
        (kinds.SWITCH, " Yes ", True),
        (kinds.SWITCH, "off", False),
        (kinds.ORIGINS, "a, b,", ("a", "b")),
        (kinds.ORIGINS, "None", ()),
        (kinds.URL, " /a ", "/a"),
    ],
)
def test_text_becomes_a_value_before_it_is_checked(kind: Kind, text: str, value: Any) -> None:
    assert kind.parse(text) == value


@pytest.mark.parametrize("kind", [kinds.SECONDS, kinds.BYTES, kinds.SWITCH])
def test_text_that_makes_no_sense_is_unfit(kind: Kind) -> None:
    with pytest.raises(Unfit) as raised:
        kind.parse("much")
    assert raised.value.culprit == "much"


def test_none_is_accepted_where_it_may_be_and_written_none() -> None:
    kind = kinds.optional(kinds.COUNT)
    assert kind.rule == "a whole number > 0, or none"
    assert kind.check(None) is kind.parse(" None ") is None
    assert kind.check(kind.parse("3")) == 3
    with pytest.raises(Unfit):
        kinds.COUNT.check(None)


def test_names_are_those_that_are_known_and_aliases_are_kept_as_what_they_stand_for() -> None:
    kind = kinds.names(("xhr", "jsonp"), {"xhr-polling": "xhr"})
    assert kind.rule == "names among xhr, jsonp"
    assert kind.check(["xhr-polling", "jsonp"]) == {"xhr", "jsonp"}
    with pytest.raises(Unfit) as raised:
        kind.check(["xhr", "flash"])
    assert raised.value.culprit == "flash"
