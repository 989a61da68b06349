"""What of an answer is handed on."""

from __future__ import annotations

import gzip

import pytest

from ...support.client_network import ClientLab, response


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip", "br"])
def test_a_compressed_answer_is_none(coding: str) -> None:
    lab = ClientLab(served=False)
    bomb = gzip.compress(gzip.compress(b"x" * 1_000_000))
    lab.network.answer = lambda request: response(bomb, "200 OK", f"Content-Encoding: {coding}")
    error = lab.failure()
    assert error.attempts == (("info", f"the answer is compressed ({coding})"),)
    assert lab.network.ends == []
    lab.settle()


def test_none_is_asked_for() -> None:
    lab = ClientLab()
    asked: list[bytes] = []
    lab.network.answer = asked.append  # type: ignore[assignment]
    client = lab.connect(transports="xhr", headers={"accept-encoding": "gzip"})
    heads = [request.partition(b"\r\n\r\n")[0].lower() for request in asked]
    assert all(b"\r\naccept-encoding: identity" in head for head in heads)
    assert not any(b"gzip" in head for head in heads)
    client.close()
    lab.settle()


def test_a_server_s_cookies_are_bounded_and_ones_that_can_be_sent_back() -> None:
    lab = ClientLab(served=False)
    cookies = [f"Set-Cookie: n{number}=x" for number in range(100)]
    answer = response(b"{}", "200 OK", "Set-Cookie: bad=\xff", "Set-Cookie: ", *cookies)
    asked: list[bytes] = []

    def reply(request: bytes) -> bytes:
        asked.append(request)
        return answer

    lab.network.answer = reply
    error = lab.failure(transports="xhr,xhr_streaming", cookies={"mine": "x"})
    assert [name for name, _ in error.attempts] == ["xhr_polling", "xhr_streaming"]
    head = asked[-1].partition(b"\r\n\r\n")[0]
    assert b"mine=x" in head and b"n0=x" in head
    assert b"bad=" not in head and head.count(b"=x") <= 50
    lab.settle()
