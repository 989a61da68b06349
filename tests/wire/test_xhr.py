"""xhr-polling (protocol, sections 4 and 7)."""

from ..support.checks import assert_never_cached
from ..support.receivers import JAVASCRIPT, XHR


def test_the_first_poll_gets_the_open_frame(site):
    answer = site.post(site.session().url("xhr"))
    assert answer.status == 200
    assert answer.headers["content-type"] == JAVASCRIPT
    assert answer.body == b"o\n"
    assert_never_cached(answer)


def test_a_poll_that_waits_gets_the_echo(site):
    session = site.session()
    waiting = session.open(XHR)
    assert waiting.waits()
    assert session.send("x").status == 204
    assert waiting.piece() == b'a["x"]\n'


def test_a_poll_that_comes_later_gets_the_echo(site):
    session = site.opened()
    session.send("x")
    assert session.poll() == b'a["x"]\n'


def test_messages_that_queued_come_in_one_frame_in_order(site):
    session = site.opened()
    for message in ("a", "b", "c"):
        session.send(message)
    session.send("d", "e")
    assert session.poll() == b'a["a","b","c","d","e"]\n'


def test_messages_of_one_request_come_in_one_frame(site):
    session = site.session()
    waiting = session.open(XHR)
    session.send("a", "b", "c")
    assert waiting.piece() == b'a["a","b","c"]\n'


def test_the_body_of_a_poll_is_ignored(site):
    session = site.session()
    assert site.post(session.url("xhr"), "anything [").body == b"o\n"


def test_a_poll_is_not_held_back_by_a_proxy(site):
    session = site.opened()
    session.send("x")
    answer = site.post(session.url("xhr"))
    assert answer.headers["x-accel-buffering"] == "no"


def test_polls_keep_the_connection_alive(site):
    session = site.session()
    peer = site.connect()
    assert session.attach(XHR, peer=peer).piece() == b"o\n"
    for number in range(100):
        peer.ask("POST", session.url("xhr_send"), body=f'["{number}"]')
        assert peer.response().status == 204
        assert session.attach(XHR, peer=peer).piece() == f'a["{number}"]\n'.encode()


def test_the_close_frame_comes_again_and_again(site):
    session = site.session("/close")
    assert session.poll() == b"o\n"
    for _ in range(3):
        assert session.poll() == b'c[3000,"Go away!"]\n'


def test_an_empty_message_is_a_message(site):
    session = site.opened()
    session.send("")
    assert session.poll() == b'a[""]\n'


def test_unicode_comes_as_it_went(site):
    session = site.opened()
    session.send("žluťoučký \U0001f600 %41 </script>")
    assert XHR.unwrap(session.poll()) == 'a["žluťoučký \U0001f600 %41 </script>"]'
