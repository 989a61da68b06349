"""Broadcasts from outside: every kind of client, and clients that come and go meanwhile."""

import json

from ..support.labs import fresh
from ..support.receivers import RECEIVERS


def test_every_kind_of_client_gets_it(site):
    session = site.session("/broadcast")
    attached = [site.session("/broadcast").open(receiver) for receiver in RECEIVERS]
    socket, raw = site.websocket("/broadcast"), site.raw("/broadcast/websocket")
    session.open()
    text = 'ž \u2028 </script> %41 "' + fresh()
    session.send(text)
    for each in attached:
        assert json.loads(each.frame()[1:]) == [text]
    assert json.loads(socket.text()[1:]) == [text]
    assert raw.text() == text


def test_clients_may_come_and_go_meanwhile(site):
    stays = site.websocket("/broadcast")
    for number in range(30):
        leaving = site.websocket("/broadcast")
        polling = site.session("/broadcast").open(RECEIVERS[0])
        polling.abort()
        leaving.say(f'"{number}"')
        leaving.peer.abort()
        assert stays.text() == f'a["{number}"]'


def test_a_broadcast_to_clients_that_left_is_no_error(site):
    for _ in range(10):
        site.websocket("/broadcast").peer.abort()
        site.session("/broadcast").open().abort()
    last = site.websocket("/broadcast")
    last.say('"anybody?"')
    assert last.text() == 'a["anybody?"]'
