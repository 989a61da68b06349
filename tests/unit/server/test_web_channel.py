"""A connection of twisted.web: its head, its turn and its time have bounds."""

from ...support.resources import length, post


def test_a_head_that_is_too_large_is_counted(connect):
    site, channel, _ = connect()
    channel.dataReceived(post(*[b"X: y"] * 200))
    assert site.refused == 1


def test_a_page_that_is_never_taken_ends(connect):
    site, channel, transport = connect()
    site.timeOut, site.request_timeout = 8, 20
    channel.dataReceived(post(length(3), body=b"abc") * 2)
    transport.producer.pauseProducing()
    for _ in range(30):
        site.reactor.advance(1)
    assert transport.aborted
    assert site.ended == {"idle": 0, "request": 0, "answer": 1}
