"""Lines at the end of a file: whole, in bounded turns, and lost without harm if they must be."""

from __future__ import annotations

import errno
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from txsockjs.cli.logs import line_file
from txsockjs.cli.logs.line_file import LineFile


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    yield clock
    assert clock.getDelayedCalls() == []


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """What is logged."""
    said: list[str] = []

    def observe(event: Any) -> None:
        if event.get("log_namespace") == line_file.__name__:
            said.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    yield said
    globalLogPublisher.removeObserver(observe)


def opened(clock: Clock, path: pathlib.Path) -> LineFile:
    file = LineFile(clock, str(path))
    file.open()
    return file


def numbered(first: int, last: int) -> list[bytes]:
    return [b"line %06d\n" % number for number in range(first, last)]


class Disk:
    """Stands for `os.write`: takes ``room`` bytes, then says that the disk is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self.calls: list[int] = []
        self._write = os.write
        monkeypatch.setattr(line_file.os, "write", self.write)

    def write(self, descriptor: int, data: bytes) -> int:
        self.calls.append(len(data))
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data = data[: self.room]
        self.room -= len(data)
        return self._write(descriptor, data)


def test_lines_are_written_in_the_next_iteration(clock: Clock, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    file = opened(clock, path)
    file.append(b"one\n")
    file.append(b"two\n")
    assert path.read_bytes() == b""
    clock.advance(0)
    assert path.read_bytes() == b"one\ntwo\n"
    file.close()


def test_what_is_there_is_appended_to(clock: Clock, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    file = opened(clock, path)
    file.append(b"after\n")
    file.close()
    assert path.read_bytes() == b"before\nafter\n"


def test_writes_are_of_whole_lines_and_a_turn_has_its_share(
    clock: Clock, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    file = opened(clock, path)
    lines = numbered(0, 10_000)
    for line in lines:
        file.append(line)
    assert path.stat().st_size >= len(b"".join(lines)) - 64 * 1024  # no more waits
    disk = Disk(monkeypatch, 10**9)
    clock.advance(0)
    assert sum(disk.calls) <= 64 * 1024 + line_file._WHOLE
    assert all(size % len(lines[0]) == 0 for size in disk.calls)
    file.close()
    assert path.read_bytes() == b"".join(lines)


def test_two_that_write_to_one_file_lose_nothing(clock: Clock, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    first, second = opened(clock, path), opened(clock, path)
    for number in range(100):
        first.append(b"a%d\n" % number)
        second.append(b"b%d\n" % number)
        clock.advance(0)
    first.close()
    second.close()
    assert len(set(path.read_bytes().splitlines())) == 200


def test_a_file_that_was_moved_is_left_when_it_is_reopened(
    clock: Clock, tmp_path: pathlib.Path
) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    file = opened(clock, path)
    file.append(b"one\n")
    clock.advance(0)
    path.rename(old)
    file.append(b"two\n")
    clock.advance(0)
    assert old.read_bytes() == b"one\ntwo\n"
    file.append(b"three\n")
    file.reopen()
    file.close()
    assert (old.read_bytes(), path.read_bytes()) == (b"one\ntwo\n", b"three\n")


def test_another_file_in_its_place_is_taken(clock: Clock, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    file = opened(clock, path)
    path.rename(tmp_path / "log.1")
    path.write_bytes(b"")
    file.reopen()
    file.append(b"one\n")
    file.close()
    assert path.read_bytes() == b"one\n"


def test_one_that_is_in_its_place_stays_open(clock: Clock, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    file = opened(clock, path)
    before = os.listdir("/dev/fd")
    file.reopen()
    assert os.listdir("/dev/fd") == before
    file.append(b"one\n")
    file.close()
    assert path.read_bytes() == b"one\n"


def test_where_none_can_be_opened_the_old_one_is_gone_on_with(
    clock: Clock, tmp_path: pathlib.Path, errors: list[str]
) -> None:
    folder, moved = tmp_path / "logs", tmp_path / "moved"
    folder.mkdir()
    file = opened(clock, folder / "log")
    folder.rename(moved)
    file.reopen()
    file.append(b"one\n")
    file.close()
    assert (moved / "log").read_bytes() == b"one\n"
    words = "can't be opened, what was open is gone on with: No such file or directory"
    assert errors == [f"{folder / 'log'} {words}"]
    assert file.lost == 0


def test_a_full_disk_costs_lines_and_is_told_once(
    clock: Clock, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, errors: list[str]
) -> None:
    path = tmp_path / "log"
    file = opened(clock, path)
    disk = Disk(monkeypatch, 0)
    for number in range(3):
        file.append(b"lost %d\n" % number)
        clock.advance(0)
    assert file.lost == 3
    assert errors == [f"{path} did not take 1 lines, which are lost: No space left on device"]
    clock.advance(60)
    file.append(b"lost, too\n")
    clock.advance(0)
    assert errors[1:] == [f"{path} did not take 3 lines, which are lost: No space left on device"]
    disk.room = 100
    file.append(b"kept\n")
    file.append(b"kept, too\n")
    file.close()
    assert path.read_bytes() == b"kept\nkept, too\n"
    assert len(errors) == 2


def test_what_was_lost_and_not_told_is_told_when_it_is_closed(
    clock: Clock, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, errors: list[str]
) -> None:
    path = tmp_path / "log"
    file = opened(clock, path)
    Disk(monkeypatch, 0)
    for _ in range(2):
        file.append(b"lost\n")
        clock.advance(0)
    file.close()
    assert errors[1:] == [f"{path} did not take 1 lines, which are lost: it is closed now"]


@pytest.mark.parametrize("room", range(13))
def test_a_disk_that_fills_within_a_line_spoils_that_line_only(
    clock: Clock, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    path = tmp_path / "log"
    file = opened(clock, path)
    disk = Disk(monkeypatch, room)
    for line in (b"one\n", b"two\n", b"six\n"):
        file.append(line)
    clock.advance(0)
    disk.room = 100
    file.append(b"later\n")
    file.close()
    lines = path.read_bytes().splitlines(keepends=True)
    assert lines[-1] == b"later\n"
    whole = [line for line in lines if line in (b"one\n", b"two\n", b"six\n")]
    assert file.lost == 3 - len(whole)
    assert len(lines) <= len(whole) + 2  # and the spoilt one
    assert b"\n" not in lines


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(writing)
    os.close(reading)


def test_a_pipe_is_written_to_as_it_is_read(clock: Clock, pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    file = LineFile(clock, None, writing)
    file.open()
    lines = numbered(0, 30_000)
    read = b""
    for start in range(0, len(lines), 1000):
        for line in lines[start : start + 1000]:
            file.append(line)
    size = sum(map(len, lines))
    while len(read) < size:
        read += os.read(reading, 65536)
        clock.advance(0.1)
    assert read == b"".join(lines)
    assert file.lost == 0
    file.close()


def test_a_pipe_that_nobody_reads_holds_nobody_up(
    clock: Clock, pipe: tuple[int, int], errors: list[str]
) -> None:
    reading, writing = pipe
    file = LineFile(clock, None, writing)
    file.open()
    lines = numbered(0, 150_000)
    for line in lines:
        file.append(line)
    clock.advance(0.1)
    assert 0 < file.lost < len(lines)
    assert errors == [
        "the standard output did not take 1 lines, which are lost: nobody reads it",
    ]
    file.close(patience=0.0)
    read = b"".join(iter(lambda: os.read(reading, 65536) if _readable(reading) else b"", b""))
    assert read == b"".join(lines[: read.count(b"\n")])
    assert file.lost == len(lines) - read.count(b"\n")


def _readable(descriptor: int) -> bool:
    import select  # noqa: PLC0415

    return bool(select.select([descriptor], [], [], 0)[0])


def test_a_pipe_whose_reader_is_gone_costs_lines_only(clock: Clock, errors: list[str]) -> None:
    reading, writing = os.pipe()
    file = LineFile(clock, None, writing)
    file.open()
    os.close(reading)
    os.close(writing)
    file.append(b"one\n")
    clock.advance(0)
    assert file.lost == 1
    assert errors == ["the standard output did not take 1 lines, which are lost: Broken pipe"]
    file.close()


def test_what_can_not_be_opened_is_told(clock: Clock, tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "no" / "log", tmp_path / "fifo"):
        with pytest.raises(OSError, match=r"directory|address"):
            LineFile(clock, str(path)).open()


def test_without_a_file_lines_are_counted_until_it_can_be_opened(
    clock: Clock, tmp_path: pathlib.Path, errors: list[str]
) -> None:
    path = tmp_path / "logs" / "log"
    file = LineFile(clock, str(path))
    file.reopen()
    file.append(b"early\n")
    assert file.lost == 1
    assert errors[1:] == [f"{path} did not take 1 lines, which are lost: it is not open"]
    path.parent.mkdir()
    file.reopen()
    file.append(b"one\n")
    file.close()
    assert path.read_bytes() == b"one\n"
