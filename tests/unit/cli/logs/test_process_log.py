"""What twistd logs to: the file that it was told, in the format that is asked for."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any, Callable

import pytest
from twisted.application.twist._options import TwistOptions
from twisted.logger import Logger, LogPublisher, capturedLogs, textFileLogObserver
from twisted.python.reflect import namedAny

from txsockjs.cli.logs.json_lines import json_observer
from txsockjs.cli.logs.process_log import PROCESS_LOG, LogFile, ProcessLog

Logging = Callable[..., tuple[ProcessLog, Logger]]


@pytest.fixture
def logging() -> Iterator[Logging]:
    """Return the log of a twistd with some options, and a logger to it."""
    made: list[ProcessLog] = []

    def make(command: dict[str, Any], log_format: str | None = None) -> tuple[ProcessLog, Logger]:
        log = ProcessLog()
        made.append(log)
        log.take_over(command, log_format)
        return log, Logger("a.b", observer=LogPublisher(log()))

    yield make
    for log in made:
        if log.file is not None:
            log.file.close()


def texts(path: pathlib.Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def test_twistd_finds_it_by_the_name_that_it_is_told() -> None:
    command: dict[str, Any] = {"nodaemon": 1, "logger": None}
    PROCESS_LOG.take_over(command, None)
    assert namedAny(command["logger"]) is PROCESS_LOG


@pytest.mark.parametrize("command", [{"logger": "some.logger"}, {"syslog": 1, "logger": None}])
def test_another_logger_of_twistds_stays(command: dict[str, Any]) -> None:
    before = dict(command)
    ProcessLog().take_over(command, "json")
    assert command == before


def test_a_log_file_of_twist_stays_and_its_format_is_changed_if_that_is_asked_for() -> None:
    command = TwistOptions()
    command["fileLogObserverFactory"] = textFileLogObserver
    ProcessLog().take_over(command, None)
    assert command["fileLogObserverFactory"] is textFileLogObserver
    ProcessLog().take_over(command, "json")
    assert command["fileLogObserverFactory"] is json_observer
    assert "logger" not in command


def test_as_text_a_file_is_written_as_by_twistd(logging: Logging, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    _, logger = logging({"logfile": str(path)})
    logger.info("hello")
    assert path.read_text().endswith(" [a.b#info] hello\n")


def test_in_the_foreground_the_log_is_the_standard_output(
    logging: Logging, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (
        {"nodaemon": 1},
        {"nodaemon": 1, "logfile": "-"},
        {"debug": True, "nodaemon": 0},
    ):
        log, logger = logging(command, "json")
        logger.info("hello")
        assert json.loads(capsys.readouterr().out)["text"] == "hello"
        log.rotate()


def test_a_daemon_has_twistds_file(
    logging: Logging, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, logger = logging({"nodaemon": 0}, "json")
    logger.info("hello")
    assert texts(tmp_path / "twistd.log") == ["hello"]
    with pytest.raises(SystemExit, match="needs twistd -n"):
        logging({"nodaemon": 0, "logfile": "-"})


def test_a_file_that_is_in_its_place_is_rotated_as_by_twistd(
    logging: Logging, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "log"
    log, logger = logging({"logfile": str(path)}, "json")
    for number in range(3):
        logger.info("{n}", n=number)
        log.rotate()
    assert path.read_text() == ""
    assert [texts(tmp_path / f"log.{n}") for n in (3, 2, 1)] == [["0"], ["1"], ["2"]]


def test_a_file_that_was_moved_is_opened_anew(logging: Logging, tmp_path: pathlib.Path) -> None:
    path, moved = tmp_path / "log", tmp_path / "log-old"
    log, logger = logging({"logfile": str(path)}, "json")
    logger.info("one")
    path.rename(moved)
    logger.info("two")
    log.rotate()
    logger.info("three")
    assert (texts(moved), texts(path)) == (["one", "two"], ["three"])
    assert not (tmp_path / "log.1").exists()
    log.rotate()  # as it is in its place
    assert texts(tmp_path / "log.1") == ["three"]


def test_another_file_in_its_place_is_taken(logging: Logging, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    log, logger = logging({"logfile": str(path)}, "json")
    path.rename(tmp_path / "log-old")
    path.touch()
    log.rotate()
    logger.info("one")
    assert texts(path) == ["one"]


def test_where_none_can_be_opened_the_old_one_is_gone_on_with_and_that_is_told(
    logging: Logging, tmp_path: pathlib.Path
) -> None:
    folder, moved = tmp_path / "logs", tmp_path / "moved"
    folder.mkdir()
    log, logger = logging({"logfile": str(folder / "log")}, "json")
    logger.info("one")
    folder.rename(moved)
    with capturedLogs() as told:
        log.rotate()
    assert [event["log_level"].name for event in told] == ["error"]
    logger.info("two")
    assert texts(moved / "log") == ["one", "two"]


def test_a_file_that_is_as_long_as_twistd_lets_it_be_is_rotated(tmp_path: pathlib.Path) -> None:
    file = LogFile("log", str(tmp_path))
    file.write("x" * file.rotateLength)
    file.write("y")
    assert (tmp_path / "log").read_text() == "y"
    (tmp_path / "log").rename(tmp_path / "moved")
    file.write("z" * file.rotateLength)
    file.write("new")
    file.close()
    assert (tmp_path / "log").read_text() == "new"
