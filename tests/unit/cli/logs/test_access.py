"""The access log: a line for each session, which no client can make two of."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs.cli.logs.access import FIELDS, AccessLog
from txsockjs.cli.plan import Plan
from txsockjs.cli.start_error import StartError

from ....support.memory import Lab

NASTY = [
    'a"b',
    "\\",
    '" 0 0 client 1000 "',
    "\r\n\t\x00\x1b[2J\x7f",
    "\u2028\x85",
    "ü€😀",
    "\ud800",
    "-",
    " ",
    "{}",
    "%s",
]


class Log:
    """An access log in a file, of the sessions of a lab."""

    def __init__(self, folder: pathlib.Path, as_json: bool, worker: int | None = None) -> None:
        self.path = folder / "access"
        self.lab = Lab()
        self.log = AccessLog(
            self.lab.clock, str(self.path), as_json, worker, now=lambda: 1795665600.5
        )
        self.log.open()
        self.lab.router.end_observers.append(self.log.ended)

    def lines(self) -> list[str]:
        self.log.file.close()
        self.lab.clock.advance(0)
        return self.path.read_text().splitlines()


class Session:
    """Stands for a session that is over."""

    def __init__(self, **values: Any) -> None:
        self.info = self
        self.server = self
        self.transport, self.cause = "xhr", "lost"
        self.ip, self.prefix, self.origin = "192.0.2.1", "", None
        self.began = 0.0
        self.messages_in = self.messages_out = self.bytes_in = self.bytes_out = 0
        self.close_reason = (1002, "Connection interrupted")
        self.session_id = "abc"
        vars(self).update(values)


def line_of(folder: pathlib.Path, as_json: bool, session: Session) -> str:
    log = AccessLog(Clock(), str(folder / "access"), as_json, now=lambda: 1795665600.5)
    log.open()
    log.ended(session)
    log.file.close()
    (line,) = (folder / "access").read_bytes().splitlines(keepends=True)
    (folder / "access").unlink()
    assert line.isascii()
    assert line.endswith(b"\n")
    return line.decode()


def test_a_session_is_a_line_of_text_at_its_end(tmp_path: pathlib.Path) -> None:
    log = Log(tmp_path, as_json=False)
    log.lab.xhr(Origin="https://app.example")
    log.lab.pass_time(2)
    log.lab.send(b'["hello", "close"]')
    (line,) = log.lines()
    assert line == (
        "2026-11-26T04:00:00.500Z 192.0.2.1 / xhr "
        '"https://app.example" 2.0 2 1 10 5 application 3001 "as told" "abc"'
    )


def test_as_json_it_is_an_object_with_the_same_fields(tmp_path: pathlib.Path) -> None:
    log = Log(tmp_path, as_json=True, worker=3)
    socket = log.lab.upgrade()
    socket.vanish()
    (line,) = log.lines()
    said = json.loads(line)
    assert list(said) == [*FIELDS, "worker"]
    assert (said["transport"], said["cause"], said["worker"]) == ("websocket", "lost", 3)
    assert said["origin"] is None
    assert said["time"] == "2026-11-26T04:00:00.500Z"


def test_a_session_that_goes_on_has_no_line(tmp_path: pathlib.Path) -> None:
    log = Log(tmp_path, as_json=False)
    log.lab.xhr()
    assert log.lines() == []


def test_what_is_not_there_is_a_dash(tmp_path: pathlib.Path) -> None:
    line = line_of(tmp_path, False, Session(ip="", close_reason=(1000, "")))
    assert line.split() == [
        *("2026-11-26T04:00:00.500Z", "-", "/", "xhr", "-", "0.0"),
        *("0", "0", "0", "0", "lost", "1000", "-", '"abc"'),
    ]


def test_what_an_operator_chose_is_in_quotes_if_it_needs_them(tmp_path: pathlib.Path) -> None:
    line = line_of(tmp_path, False, Session(prefix="/two words", ip="2001:db8::1"))
    assert line.split(" ", 2)[1] == "2001:db8::1"
    assert line.split(" ", 2)[2].startswith('"/two words" xhr ')


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("as_json", [False, True])
def test_no_text_of_a_client_makes_another_line_or_field(
    tmp_path: pathlib.Path, text: str, as_json: bool
) -> None:
    session = Session(origin=text, session_id=text, close_reason=(4000, text))
    line = line_of(tmp_path, as_json, session)
    assert len(line.splitlines()) == 1
    assert line[:-1].isprintable()
    if as_json:
        said = json.loads(line)
    else:
        fields = _fields(line)
        assert len(fields) == len(FIELDS)
        said = dict(zip(FIELDS, fields))
        for name in ("origin", "reason", "id"):
            said[name] = json.loads(said[name])
    assert (said["origin"], said["reason"], said["id"]) == (text, text, text)
    assert said["cause"] == "lost"


def _fields(line: str) -> list[str]:
    """Split a line at its spaces, but for those in strings of JSON."""
    decoder = json.JSONDecoder()
    found, rest = [], line.rstrip("\n")
    while rest:
        if rest[0] == '"':
            _, end = decoder.raw_decode(rest)
        else:
            end = (rest + " ").index(" ")
        found.append(rest[:end])
        assert rest[end : end + 1] in ("", " ")
        rest = rest[end + 1 :]
    return found


@pytest.mark.parametrize("character", ["a", "\x00", "ü", "😀", '"'])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_line_fits_into_one_write_whatever_a_client_sends(
    tmp_path: pathlib.Path, character: str, as_json: bool
) -> None:
    text = character * 20_000
    session = Session(origin=text, session_id=text, close_reason=(4000, character * 123))
    line = line_of(tmp_path, as_json, session)
    assert len(line) < 4000
    assert f'{json.dumps(character)[1:-1]}..."' in line


def test_a_plan_says_where_it_is_written(tmp_path: pathlib.Path) -> None:
    assert AccessLog.of(Plan(), Clock()) is None
    log = AccessLog.of(Plan(access_log=str(tmp_path / "no" / "log")), Clock())
    assert log is not None
    with pytest.raises(StartError) as caught:
        log.open()
    assert str(caught.value) == (
        f"sockjs: cannot write the access log to {tmp_path}/no/log: No such file or directory"
    )


def test_a_worker_that_can_not_open_it_serves_all_the_same(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "logs" / "access"
    log = AccessLog(Clock(), str(path), worker=1)
    log.open()
    log.ended(Session())
    assert log.file.lost == 1
    path.parent.mkdir()
    log.open()
    log.ended(Session())
    log.file.close()
    assert len(path.read_text().splitlines()) == 1


def test_a_standard_output_that_is_closed_can_not_be_written_to() -> None:
    log = AccessLog(Clock(), None, output=10**6)
    with pytest.raises(StartError, match="cannot write the access log to the standard output: "):
        log.open()
