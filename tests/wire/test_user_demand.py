"""What went wrong in servers of this kind, and the tests that keep it from happening here.

Each row is a bug that users of such servers met, and the wire tests that would catch it. Rows that
nothing outside a process can see are held by the tests of the modules concerned, and not listed.
"""

import importlib

import pytest

LESSONS = {
    "a second receiver gets 2010 in its framing and leaks nothing, the first lives on": [
        "test_sessions.test_a_second_receiver_is_refused_in_its_own_framing",
        "test_sessions.test_a_refused_receiver_costs_the_session_nothing",
    ],
    "a session that times out before it was open calls nobody": [
        "test_sessions.test_a_session_that_was_never_opened_calls_nobody",
    ],
    "after an aborted receiver the next one gets 1002 or a new session": [
        "test_sessions.test_after_a_lost_peer_the_next_receiver_is_told",
    ],
    "a session id used again after a failure sees no old message": [
        "test_sessions.test_no_message_of_a_lost_session_reaches_the_next",
    ],
    "two websockets with one id are two sessions": [
        "test_websocket.test_two_sockets_with_one_id_are_two_sessions",
        "test_websocket.test_one_id_after_the_other_is_another_session",
        "test_websocket.test_a_poll_and_a_socket_with_one_id_are_two_sessions",
    ],
    "one id under two mounts never meets": [
        "test_sessions.test_one_id_under_two_mounts_is_two_sessions",
    ],
    "a sender to a closed or closing session is 404 and delivers nothing": [
        "test_senders.test_nothing_reaches_a_closing_session",
        "test_senders.test_an_expired_session_is_not_found",
        "test_jsonp.test_a_closed_session_is_not_found",
    ],
    "an empty message, an empty frame and an empty array are told apart": [
        "test_websocket.test_nothing_to_deliver_is_ignored",
        "test_xhr.test_an_empty_message_is_a_message",
        "test_senders.test_an_empty_array_is_legal_and_does_nothing",
        "test_senders.test_an_empty_body_is_an_error",
        "test_jsonp.test_an_empty_array_does_nothing",
    ],
    "a websocket frame is an array or a single string": [
        "test_websocket.test_an_array_and_a_single_string_are_messages",
        "test_websocket.test_several_messages_of_one_frame_come_back_in_one",
    ],
    "JSON of the wrong shape, too deep or too large is an error, and only text is delivered": [
        "test_senders.test_another_shape_is_an_error_whole",
        "test_senders.test_hostile_json_is_an_error_and_no_crash",
        "test_websocket.test_another_shape_closes_at_once",
        "test_websocket.test_hostile_json_closes_and_is_no_crash",
        "test_jsonp.test_bad_messages_are_refused_whole",
    ],
    "a body over the limit is 413, with a length and in chunks, and is not kept": [
        "test_limits.test_a_body_over_the_limit_is_413",
        "test_limits.test_a_body_over_the_limit_is_413_in_chunks_too",
        "test_limits.test_a_declared_length_over_the_limit_is_413_before_the_body_comes",
        "test_limits.test_chunks_without_an_end_are_413_once_over_the_limit",
        "test_limits.test_no_body_that_is_too_large_is_kept",
    ],
    "a burst of messages in one request is not refused": [
        "test_senders.test_a_burst_in_one_request_is_not_refused",
    ],
    "jsonp takes forms and raw bodies of any type": [
        "test_jsonp.test_messages_come_raw_or_in_a_form",
        "test_jsonp.test_a_form_decodes_plus_and_percent",
    ],
    "thousands of messages in bursts keep their order": [
        "test_sessions.test_two_thousand_messages_in_bursts_keep_their_order",
        "test_websocket.test_ten_thousand_messages_in_order",
    ],
    "small messages follow large ones across the response limit": [
        "test_sessions.test_large_then_small_across_the_limit",
        "test_streaming.test_nothing_is_lost_or_doubled_across_the_limit",
    ],
    "a large message comes whole; a response ends between frames only": [
        "test_sessions.test_a_megabyte_comes_whole",
        "test_streaming.test_one_large_message_comes_whole_and_ends_the_stream",
        "test_websocket.test_every_length_of_a_frame",
    ],
    "closing from inside a message handler leaves nothing running": [
        "test_websocket.test_code_and_reason_of_the_application",
        "test_rawwebsocket.test_the_application_closes_with_its_code_and_reason",
        "test_limits.test_a_server_with_closed_sessions_is_idle",
    ],
    "an exception of the application closes its session, once": [
        "test_sessions.test_an_application_error_ends_that_session_alone",
        "test_sessions.test_an_application_error_on_a_websocket",
        "test_sessions.test_what_on_open_raises_closes_the_session",
    ],
    "a close reason is cut between characters, and bad codes are not sent": [
        "test_rawwebsocket.test_a_long_reason_is_cut_between_characters",
        "test_rawwebsocket.test_a_code_that_may_not_be_sent_never_is",
        "test_websocket.test_a_long_reason_never_makes_a_broken_close_frame",
    ],
    "a raw websocket gets a native close frame": [
        "test_rawwebsocket.test_the_close_mount_closes_with_3000",
    ],
    "what was queued before a close arrives first": [
        "test_sessions.test_what_is_queued_comes_before_the_close_frame",
        "test_sessions.test_what_is_queued_comes_before_the_close_frame_in_polls",
        "test_sessions.test_the_last_words_come_on_an_open_stream",
        "test_websocket.test_what_was_sent_before_the_close_arrives",
        "test_rawwebsocket.test_what_was_sent_before_the_close_arrives",
    ],
    "no timer, session or descriptor is left after the end": [
        "test_limits.test_sessions_that_are_left_behind_leave_nothing_behind",
        "test_chunking.test_the_probe_that_vanishes_leaves_no_timer",
    ],
    "ends in any order, and doubled, end a session once": [
        "test_sessions.test_a_stuck_session_can_still_be_closed",
        "test_sessions.test_a_stuck_session_hears_of_a_lost_peer",
        "test_pipelining.test_a_pipeline_that_is_cut_leaves_the_session_ended",
    ],
    "heartbeats come on every transport, before the first message too": [
        "test_heartbeat.test_silent_streams_get_heartbeats",
        "test_heartbeat.test_silent_polls_end_with_a_heartbeat",
        "test_heartbeat.test_a_silent_websocket_gets_heartbeats",
        "test_heartbeat.test_heartbeats_go_on_while_the_application_is_stuck",
    ],
    "no heartbeat piles up while nobody listens": [
        "test_heartbeat.test_none_piles_up_while_nobody_listens",
    ],
    "a long transfer is not taken for silence": [
        "test_heartbeat.test_a_long_transfer_is_no_silence",
    ],
    "a peer that is silent, or half closed, is noticed": [
        "test_heartbeat.test_a_websocket_that_answers_no_ping_is_dead",
        "test_heartbeat.test_a_raw_websocket_that_answers_no_ping_is_dead",
        "test_sessions.test_a_stream_that_vanishes_ends_the_session_once",
        "test_websocket.test_a_socket_that_goes_away_ends_its_session_once",
    ],
    "a peer that drops an idle poll or stream is noticed at once": [
        "test_sessions.test_a_poll_that_vanishes_ends_the_session_once",
        "test_sessions.test_a_peer_may_go_at_any_stage",
        "test_sessions.test_a_peer_may_go_while_a_large_frame_is_under_way",
    ],
    "the first message after an upgrade arrives, whichever packet it is in": [
        "test_websocket.test_the_first_message_may_come_with_the_request",
        "test_websocket.test_half_a_message_may_come_with_the_request",
        "test_websocket.test_a_message_right_after_the_answer",
        "test_pipelining.test_an_upgrade_at_the_end_of_a_pipeline",
    ],
    "a bad or partial upgrade is 4xx and ends the connection": [
        "test_upgrade.test_another_protocol_is_refused",
        "test_upgrade.test_a_connection_header_without_upgrade_is_refused",
        "test_upgrade.test_a_bad_key_is_refused",
        "test_upgrade.test_a_refused_upgrade_leaves_a_sane_connection",
    ],
    "an upgrade on any path, of any protocol, breaks nothing": [
        "test_upgrade.test_an_upgrade_elsewhere_gets_the_ordinary_answer",
        "test_upgrade.test_transports_with_an_upgrade_are_themselves",
        "test_upgrade.test_odd_extensions_never_break_the_server",
        "test_upgrade.test_far_too_many_headers_never_break_the_server",
    ],
    "a socket that is gone before the setup ends makes no noise": [
        "test_upgrade.test_a_reset_in_an_upgrade_breaks_nothing",
        "test_upgrade.test_a_half_closed_upgrade_breaks_nothing",
    ],
    "an EventSource decodes to what was sent": [
        "test_eventsource.test_only_what_would_break_an_event_is_escaped",
        "test_eventsource.test_every_text_survives",
    ],
    "an EventSource has CORS headers and ends its lines with CR LF": [
        "test_cors.test_a_receiver_echoes_the_origin",
        "test_eventsource.test_the_stream_opens_with_one_line_end",
    ],
    "a message cannot leave the script of htmlfile": [
        "test_htmlfile.test_a_message_cannot_leave_its_script",
        "test_htmlfile.test_a_script_in_pieces_cannot_leave_either",
        "test_htmlfile.test_a_close_reason_cannot_leave_its_script",
    ],
    "a callback is refused, never cleaned, and creates no session": [
        "test_htmlfile.test_a_bad_callback_is_refused_never_cleaned",
        "test_jsonp.test_a_bad_callback_is_refused_never_cleaned",
    ],
    "the iframe has an ETag, versioned names and no cookie": [
        "test_iframe.test_the_page_byte_for_byte",
        "test_iframe.test_a_client_that_has_the_page_gets_304",
        "test_iframe.test_no_cookie_comes_with_the_page",
    ],
    "lone surrogates and what has to be escaped survive both ways": [
        "test_json.test_these_go_out_escaped_in_lower_case",
        "test_json.test_a_lone_surrogate_survives_every_receiver",
        "test_json.test_a_lone_surrogate_survives_a_websocket",
        "test_json.test_any_escape_comes_in",
    ],
    "origins: null, absent, listed and not; never a star with credentials": [
        "test_cors.test_a_receiver_without_an_origin_is_open_to_all",
        "test_cors.test_credentials_never_go_with_a_star",
        "test_cors.test_a_preflight_echoes_the_headers_asked_for",
        "test_origins.test_another_origin_is_refused_before_a_session_is",
        "test_origins.test_another_origin_gets_no_websocket",
        "test_origins.test_cookies_never_reach_it_where_all_are_allowed",
    ],
    "nothing but the iframe and preflights is cached": [
        "test_cors.test_no_receiver_is_ever_cached",
        "test_cors.test_no_sender_is_ever_cached",
        "test_cors.test_a_preflight",
        "test_info.test_info_is_json_that_is_never_cached",
    ],
    "a hundred polls go over one connection, pipelined and not": [
        "test_xhr.test_polls_keep_the_connection_alive",
        "test_pipelining.test_a_hundred_polls_on_one_pipeline",
    ],
    "streams to HTTP/1.0 end by closing": [
        "test_http10.test_a_stream_is_neither_chunked_nor_counted",
        "test_http10.test_a_stream_ends_by_closing_at_the_limit",
    ],
    "sending from inside a message handler keeps a poll's length right": [
        "test_xhr.test_a_poll_that_waits_gets_the_echo",
        "test_pipelining.test_a_session_on_one_pipeline",
    ],
    "forged and broken proxy headers are not believed": [
        "test_proxy_headers.test_nobody_is_believed_by_default",
        "test_proxy_headers.test_a_trusted_proxy_is_believed_from_right_to_left",
        "test_proxy_headers.test_garbage_counts_as_nothing",
        "test_proxy_headers.test_the_walk_stops_at_garbage",
    ],
    "one stuck session delays no other": [
        "test_sessions.test_a_stuck_session_delays_no_other",
        "test_senders.test_a_slow_body_holds_up_nobody_else",
        "test_limits.test_a_client_that_does_not_read_disturbs_no_other",
    ],
    "clients come and go while a broadcast goes out": [
        "test_broadcast.test_clients_may_come_and_go_meanwhile",
        "test_broadcast.test_a_broadcast_to_clients_that_left_is_no_error",
    ],
    "a client that does not read, or writes too much, costs no memory": [
        "test_limits.test_a_client_that_does_not_read_is_closed_and_memory_stays",
        "test_limits.test_a_session_without_a_receiver_does_not_hoard",
        "test_limits.test_a_websocket_that_outruns_the_application_is_not_read",
        "test_limits.test_a_sender_waits_until_there_is_room",
    ],
    "each switch removes its URL, and info agrees": [
        "test_urls.test_a_disabled_transport_is_not_found",
        "test_urls.test_a_disabled_raw_websocket_is_not_found",
        "test_info.test_info_agrees_with_every_switch",
    ],
}


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_is_held_by_a_test(lesson):
    for name in LESSONS[lesson]:
        module, _, function = name.partition(".")
        assert callable(getattr(importlib.import_module(f".{module}", __package__), function))
