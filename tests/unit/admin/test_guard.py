"""Whose requests an admin site answers."""

from __future__ import annotations

import hmac
import pathlib
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from txsockjs import SettingsError
from txsockjs.admin.guard import (
    Denied,
    Guard,
    bearer,
    check_name,
    check_token,
    is_loopback,
    read_token,
)

HERE = IPv4Address("TCP", "127.0.0.1", 8081)
THERE = IPv4Address("TCP", "192.0.2.1", 8081)
TOKEN = "a-token-of-the-tests"
BEARER = {"authorization": f"Bearer {TOKEN}"}


def status(check: Any, *arguments: Any) -> int:
    """Return the status that a check denies with, or 200."""
    try:
        check(*arguments)
    except Denied as denied:
        return denied.status
    return 200


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:8081", "LOCALHOST", "127.0.0.1", "127.0.0.1:80", "127.8.8.8"),
        *("[::1]", "[::1]:8081", "192.0.2.1", "192.0.2.1:8081", "ops.example", "Ops.Example:1"),
    ],
)
def test_own_names_are_localhost_the_address_and_those_given(host: str) -> None:
    guard = Guard(["ops.example"])
    assert status(guard.check_host, {"host": host}, THERE) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.2"),
        *("localhost, evil.example", "localhost:x", "localhost:123456", "http://localhost", "[::1"),
        *("evil.example:8081", "localhost evil.example", "user@localhost", "localhost/", "[::2]"),
        *("ops.example.", "xops.example", "2130706433", "127.1", "localhost\x00", "\uff4cocalhost"),
    ],
)
def test_no_other_name_is_answered(host: str) -> None:
    guard = Guard(["ops.example"])
    assert status(guard.check_host, {"host": host}, THERE) == 421
    assert status(guard.check_host, {}, THERE) == 421


def test_ipv6_addresses_are_compared_without_their_brackets() -> None:
    guard = Guard()
    address = IPv6Address("TCP", "2001:db8::1", 8081)
    assert status(guard.check_host, {"host": "[2001:db8::1]:8081"}, address) == 200
    assert status(guard.check_host, {"host": "[2001:db8::2]"}, address) == 421
    assert status(guard.check_host, {"host": "localhost"}, UNIXAddress(b"/run/a")) == 200


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://localhost:8081"}, 200),
        ({"origin": "https://LOCALHOST:8081"}, 200),
        ({"origin": "http://localhost"}, 403),
        ({"origin": "http://localhost:3000"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost:8081.evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "file://localhost:8081"}, 403),
        ({"origin": "http://localhost:8081", "sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_a_page_must_be_one_of_this_site(headers: dict[str, str], wanted: int) -> None:
    assert status(Guard().check_page, {"host": "localhost:8081", **headers}) == wanted


def test_the_usual_port_may_be_left_out() -> None:
    check = Guard().check_page
    assert status(check, {"host": "ops.example", "origin": "https://ops.example"}) == 200
    assert status(check, {"host": "ops.example:443", "origin": "https://ops.example"}) == 200
    assert status(check, {"host": "ops.example:80", "origin": "https://ops.example"}) == 403


@pytest.mark.parametrize("token", [None, TOKEN])
def test_on_this_machine_reading_is_free(token: str | None) -> None:
    guard = Guard(token=token)
    for address in (HERE, IPv6Address("TCP", "::1", 1), UNIXAddress(b"/run/admin")):
        assert status(guard.check_reader, {}, address) == 200
        assert status(guard.check_place, {}, address) == 200


@pytest.mark.parametrize(
    ("exposed", "headers", "address"),
    [
        (False, {}, THERE),
        (True, {}, HERE),
        (False, {"x-forwarded-for": "192.0.2.9"}, HERE),
        (False, {"forwarded": "for=192.0.2.9"}, HERE),
        (False, {"via": "1.1 proxy"}, UNIXAddress(b"/run/admin")),
    ],
)
def test_from_elsewhere_all_takes_the_token(
    exposed: bool, headers: dict[str, str], address: Any
) -> None:
    guard = Guard(token=TOKEN, exposed=exposed)
    assert status(guard.check_reader, headers, address) == 401
    assert status(guard.check_reader, {**headers, **BEARER}, address) == 200
    assert status(guard.check_place, headers, address) == 200
    without = Guard(exposed=exposed)
    for given in (headers, {**headers, **BEARER}):
        assert status(without.check_reader, given, address) == 403
        assert status(without.check_writer, given, address) == 403
        assert status(without.check_place, given, address) == 403


def test_writing_takes_the_token_where_there_is_one() -> None:
    assert status(Guard().check_writer, {}, HERE) == 200
    guard = Guard(token=TOKEN)
    assert status(guard.check_writer, {}, HERE) == 401
    assert status(guard.check_writer, {"authorization": "Bearer wrong"}, HERE) == 401
    assert status(guard.check_writer, {"authorization": f"Basic {TOKEN}"}, HERE) == 401
    assert status(guard.check_writer, BEARER, HERE) == 200
    assert status(guard.check_writer, {**BEARER, "origin": "http://evil.example"}, HERE) == 403


def test_a_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", compare)
    guard = Guard(token=TOKEN)
    assert status(guard.check_token, "ö") == 401
    assert status(guard.check_token, TOKEN) == 200
    assert compared == [("ö".encode(), TOKEN.encode()), (TOKEN.encode(), TOKEN.encode())]


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", ""),
        ("abc", ""),
        ("", ""),
    ],
)
def test_the_token_is_a_bearer(header: str, token: str) -> None:
    assert bearer({"authorization": header}) == token
    assert bearer({}) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"short\n", "must have 16 to 1024 characters, not 5"),
        (b"x" * 1025, "must have 16 to 1024 characters, not 1025"),
        (b"two words of a token", "must be one word of printable ASCII"),
        ("ein Schlüsselbund-lang".replace(" ", "").encode(), "must be one word of printable ASCII"),
        (b"\xff\xfe" * 10, "is not text"),
    ],
)
def test_a_wrong_token_file_is_a_wrong_setting(
    tmp_path: pathlib.Path, text: bytes, words: str
) -> None:
    path = tmp_path / "token"
    path.write_bytes(text)
    with pytest.raises(SettingsError, match=words) as raised:
        read_token(str(path))
    assert str(path) in str(raised.value)
    assert "two words" not in str(raised.value)


def test_a_token_file_must_be_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read the admin token: .*/none: No such file"):
        read_token(str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="Is a directory"):
        read_token(str(tmp_path))


def test_the_space_around_a_token_is_none_of_it(tmp_path: pathlib.Path) -> None:
    (tmp_path / "token").write_text(f"  {TOKEN}\r\n")
    assert read_token(str(tmp_path / "token")) == TOKEN
    with pytest.raises(SettingsError):
        check_token(f"{TOKEN}\n")


def test_names_are_hosts() -> None:
    assert check_name("Ops.Example") == "ops.example"
    assert check_name("[2001:DB8::1]") == "2001:db8::1"
    for wrong in ("ops.example:80", "https://ops.example", "", "a b", None, 1):
        with pytest.raises(SettingsError, match="an admin name must be a host name"):
            check_name(wrong)  # type: ignore[arg-type]


def test_addresses_of_this_machine() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("::")
    assert not is_loopback("localhost.example")
