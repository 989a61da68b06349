"""The script for pages: alone in Node, with stand-ins for the client of SockJS, time and chance."""

from __future__ import annotations

import json
import subprocess

import pytest

from ..support.playing import HERE, SCRIPT, Results, node, play

ALONE = [
    "opens_over_one_connection",
    "is_called_as_the_client_of_sockjs_is",
    "refuses_what_is_wrong_at_once",
    "takes_no_message_while_it_is_not_connected",
    "comes_back_to_a_plain_server",
    "comes_back_later_each_time_and_never_at_once_with_all_others",
    "counts_as_back_when_a_connection_has_held",
    "stops_at_codes_that_mean_go_away",
    "asks_the_page_whether_to_come_back",
    "gives_up_after_as_many_attempts_as_are_allowed",
    "comes_back_at_once_when_the_browser_is_online",
    "comes_back_when_the_page_says_so",
    "takes_a_silent_connection_for_lost",
    "hears_first_what_came_while_the_page_was_stopped",
    "hears_nothing_of_a_connection_that_is_let_go",
    "closes_for_good",
    "closes_while_it_waits",
    "closes_in_a_handler",
    "dispatches_events_of_the_page",
    "tells_all_listeners_even_if_one_throws",
    "announces_itself_and_begins",
    "resumes_where_it_was",
    "resumes_with_the_same_token_while_it_is_not_answered",
    "numbers_messages_over_http",
    "comes_back_for_what_an_answer_said_that_was_lost",
    "tells_how_many_it_sent_while_none_is_confirmed",
    "begins_anew_if_the_server_does",
    "ends_when_the_server_says_so",
    "begins_another_session_if_the_code_says_so",
    "resumes_if_a_connection_that_it_gave_up_took_its_place",
    "acknowledges_after_16_messages_or_16_kib_or_a_second",
    "keeps_no_more_than_it_may",
    "leaves_for_good",
    "leaves_when_all_has_arrived",
    "leaves_a_session_that_is_about_to_begin",
    "leaves_a_session_that_waits",
    "leaves_even_if_the_server_is_silent",
    "leaves_with_its_page",
    "replaces_its_connection_when_the_network_is_another",
    "keeps_its_connection_when_it_may_not_come_back",
    "ends_where_the_server_does_not_speak_so",
]


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> Results:
    return play(request, "script_alone.js", patience=180, source=SCRIPT)


@pytest.mark.parametrize("scenario", ALONE)
@pytest.mark.parametrize("transport", ["none"])
def test_script_alone(played: Results, transport: str, scenario: str) -> None:
    assert played[transport][scenario] is None


def test_every_scenario_is_played() -> None:
    command = [node(), str(HERE / "script_alone.js"), "--names"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(told) == ALONE
