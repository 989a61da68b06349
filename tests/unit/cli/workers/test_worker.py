"""A worker's process: how it starts, what its parent tells it, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
import twisted.internet
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.python import usage
from zope.interface import implementer

from txsockjs.cli import process
from txsockjs.cli.workers import sockets, worker
from txsockjs.cluster import local
from txsockjs.errors import SettingsError
from txsockjs.server.ports import Ports

# -- the process


class Started:
    """What `main` did with its process."""

    def __init__(self, events: int, spec: dict[str, Any]) -> None:
        self.events, self.spec = events, spec
        self.done: list[Any] = []
        self.observers: list[Any] = []

    def beginLoggingTo(self, observers: list[Any], redirectStandardIO: bool) -> None:
        assert not redirectStandardIO  # the parent reads what it prints
        self.observers += observers

    def written(self) -> list[Any]:
        """Read the events that were written."""
        data = os.read(self.events, 65536).decode()
        assert data.endswith("\n")
        return [json.loads(line) for line in data.splitlines()]


class Signals:
    """The module, as far as a worker needs it; the handlers are those of the tests' reactor."""

    SIGUSR1, SIG_IGN = signal.SIGUSR1, signal.SIG_IGN

    def __init__(self, done: list[Any]) -> None:
        self._done = done

    def signal(self, number: int, handler: Any) -> None:
        self._done.append((number, handler))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    events, events_in = os.pipe()
    output, output_in = os.pipe()
    os.set_inheritable(events_in, True)
    os.set_inheritable(output_in, True)
    spec = {"reactor": None, "events": events_in, "output": output_in}
    started = Started(events, spec)
    monkeypatch.setattr(worker, "globalLogBeginner", started)
    monkeypatch.setattr(worker, "installReactor", started.done.append)
    monkeypatch.setattr(worker, "signal", Signals(started.done))
    monkeypatch.setattr(worker, "_serve", lambda spec: started.done.append("serve"))
    yield started
    for observer in started.observers:
        observer._output.close()
    for descriptor in (events, output, output_in):
        os.close(descriptor)


def run(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["worker", json.dumps(started.spec)])
    worker.main()


def test_it_serves_with_its_reactor_and_leaves_its_streams_to_no_other_program(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    started.spec["reactor"] = "asyncio"
    run(started, monkeypatch)
    assert started.done[0] == "asyncio"  # before anything imports another one
    assert started.done[1:] == [(signal.SIGUSR1, signal.SIG_IGN), "serve"]
    assert not os.get_inheritable(started.spec["events"])
    assert not os.get_inheritable(started.spec["output"])


def test_without_a_reactor_in_its_spec_it_installs_none(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(started, monkeypatch)
    assert started.done == [(signal.SIGUSR1, signal.SIG_IGN), "serve"]


def test_what_it_logs_is_a_line_of_json_for_its_parent(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(started, monkeypatch)
    (observer,) = started.observers
    event = {"log_namespace": "a.b", "log_format": "one\n{number}", "number": 2}
    observer({**event, "log_time": 1.5, "log_level": LogLevel.error})
    observer({**event, "log_time": 2.5, "log_level": LogLevel.info, "number": 3})
    assert started.written() == [
        {"time": 1.5, "level": "error", "namespace": "a.b", "text": "one\n2"},
        {"time": 2.5, "level": "info", "namespace": "a.b", "text": "one\n3"},
    ]


@pytest.mark.parametrize("error", [SettingsError("no tea"), usage.UsageError("no tea")])
def test_one_that_can_not_start_says_why_in_one_line(
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def fail(spec: Any) -> None:
        raise error

    monkeypatch.setattr(worker, "_serve", fail)
    with pytest.raises(SystemExit) as ended:
        run(started, monkeypatch)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "no tea\n"


# -- what it serves


class Reactor(Clock):
    """A reactor that a test runs, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.triggers: list[tuple[str, Any]] = []
        self.when_running: list[Any] = []
        self.stops = 0
        self.is_running = False

    def addSystemEventTrigger(self, phase: str, event: str, call: Any, *arguments: Any) -> None:
        assert event == "shutdown"
        self.triggers.append((phase, lambda: call(*arguments)))

    def callWhenRunning(self, call: Any, *arguments: Any, **options: Any) -> None:
        self.when_running.append(lambda: call(*arguments, **options))

    def run(self) -> None:
        self.is_running = True
        while self.when_running:
            self.when_running.pop(0)()

    def stop(self) -> None:
        self.stops += 1
        if self.stops > 1:
            raise ReactorNotRunning()

    def shut_down(self) -> None:
        """Fire the triggers, as the end of a run does."""
        for wanted in ("before", "after"):
            for phase, call in self.triggers:
                if phase == wanted:
                    call()


class Bus:
    """The way to the parent: what the worker says, and what a test tells it."""

    def __init__(
        self, reactor: Any, control: int, folder: str, told: Callable[..., None], orphaned: Any
    ) -> None:
        self.made_of = (control, folder)
        self.told, self.orphaned = told, orphaned
        self.said: list[Any] = []
        self.happened: list[str] = []

    def start(self) -> None:
        self.happened.append("start")

    def stop(self) -> Deferred[None]:
        self.happened.append("stop")
        return succeed(None)

    def say(self, **table: Any) -> None:
        self.said.append(table)


class Answers:
    def answer(self, question: str, arguments: Any) -> Deferred[Any]:
        return succeed([question, arguments])


class Port:
    def __init__(self) -> None:
        self.is_open = True

    def getHost(self) -> Any:
        return IPv4Address("TCP", "127.0.0.1", 1)

    def stopListening(self) -> None:
        self.is_open = False


@implementer(IStreamServerEndpoint)
class Endpoint:
    """An endpoint over a descriptor; ``open`` has the port of each that is listened on."""

    open: dict[int, Port] = {}

    def __init__(self, reactor: Any, text: str, descriptor: int) -> None:
        self.text, self.descriptor = text, descriptor

    def listen(self, protocolFactory: Any) -> Deferred[Any]:
        self.open[self.descriptor] = Port()
        return succeed(self.open[self.descriptor])


class Service:
    """What `make_server` makes."""

    answers = Answers()
    site = "the site"

    def __init__(self, reactor: Any, plan: Any, endpoints: Any, bus: Any, **options: Any) -> None:
        self.plan, self.bus, self.options = plan, bus, options
        self.started: Deferred[None] = Deferred()
        self.ports = Ports(reactor, list(endpoints))
        self.happened: list[str] = []

    def startService(self) -> None:
        self.happened.append("start")
        site: Any = self.site
        self.ports.open(site)
        self.started.callback(None)

    def stopService(self) -> Deferred[None]:
        self.happened.append("stop")
        return succeed(None)

    def reopen_logs(self) -> None:
        self.happened.append("reopen")


class Lab:
    """The second of three workers, with a socket for each at two endpoints."""

    ARGUMENTS = ["--workers", "3", "--listen", "tcp:1", "--listen", "tcp:2"]

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.reactor = Reactor()
        self.buses: list[Any] = []
        self.services: list[Any] = []
        self.open: dict[int, Port] = {}
        self.folder = folder
        monkeypatch.setattr(twisted.internet, "reactor", self.reactor, raising=False)
        monkeypatch.setattr(local, "LocalBus", self._bus)
        monkeypatch.setattr(process, "make_server", self._service)
        monkeypatch.setattr(sockets, "AdoptedEndpoint", Endpoint)
        monkeypatch.setattr(Endpoint, "open", self.open)

    def _bus(self, *arguments: Any) -> Any:
        self.buses.append(Bus(*arguments))
        return self.buses[-1]

    def _service(self, *arguments: Any, **options: Any) -> Any:
        self.services.append(Service(self.reactor, *arguments, **options))
        return self.services[-1]

    def serve(self, *arguments: str) -> Lab:
        spec = {
            "arguments": [*(arguments or self.ARGUMENTS), "--app", "txsockjs.SockJSConnection"],
            "sockets": [["tcp:1", [11, 12, 13]], ["tcp:2", [21, 22, 23]]],
            "number": 2,
            "control": 5,
            "output": 6,
            "folder": str(self.folder),
        }
        worker._serve(spec)
        return self

    @property
    def bus(self) -> Any:
        return self.buses[0]

    @property
    def service(self) -> Any:
        return self.services[0]

    def listening(self) -> list[int]:
        """Return the descriptors that are listened on."""
        return [descriptor for descriptor, port in self.open.items() if port.is_open]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lab:
    return Lab(monkeypatch, tmp_path)


def test_it_serves_on_its_own_sockets_and_says_that_it_is_ready(lab: Lab) -> None:
    lab.serve()
    assert lab.reactor.is_running
    assert lab.bus.made_of == (5, str(lab.folder))
    assert lab.service.options == {"worker": 2, "output": 6}
    assert lab.service.bus is lab.bus
    assert lab.service.plan.workers == 3
    assert lab.listening() == [12, 22]
    assert lab.bus.said == [{"do": "ready"}]
    assert lab.bus.happened == []  # its service starts it, as it is the bus of its routers


def test_in_a_cluster_the_bus_of_the_machine_is_started_beside_the_clusters(lab: Lab) -> None:
    lab.serve(*Lab.ARGUMENTS, "--cluster", "redis://127.0.0.1:1")
    assert lab.bus.happened == ["start"]
    assert lab.service.happened == ["start"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers", "3", "--listen", "tcp:1", "--listen", "tcp:9"],
        ["--workers", "4", "--listen", "tcp:1", "--listen", "tcp:2"],
    ],
)
def test_options_that_take_a_restart_are_told(lab: Lab, arguments: list[str]) -> None:
    with capturedLogs() as logs:
        lab.serve(*arguments)
    said = [log["log_format"] for log in logs]
    assert "listen and workers have changed, which takes a restart" in said


def test_options_that_did_not_change_are_not_told(lab: Lab) -> None:
    with capturedLogs() as logs:
        lab.serve()
    assert not [log for log in logs if "restart" in log["log_format"]]


def test_wrong_options_are_an_error_of_usage(lab: Lab) -> None:
    with pytest.raises(usage.UsageError):
        lab.serve("--tea")
    assert lab.buses == []


# -- what its parent tells


def test_it_serves_in_place_of_a_neighbour_until_that_is_back(lab: Lab) -> None:
    lab.serve()
    lab.bus.told({"serve": 3})
    lab.bus.told({"serve": 3})
    lab.bus.told({"serve": 1})
    assert lab.listening() == [12, 22, 13, 23, 11, 21]
    lab.bus.told({"leave": 3})
    lab.bus.told({"leave": 3})
    assert lab.listening() == [12, 22, 11, 21]
    lab.bus.told({"serve": 3})
    assert lab.listening() == [12, 22, 13, 23, 11, 21]


def test_it_reopens_its_logs(lab: Lab) -> None:
    lab.serve()
    lab.bus.told({"reopen": True})
    assert lab.service.happened == ["start", "reopen"]


def test_it_answers_questions(lab: Lab) -> None:
    lab.serve()
    lab.bus.told({"ask": 7, "question": "report", "arguments": {"a": 1}})
    assert lab.bus.said[1:] == [{"do": "answer", "number": 7, "value": ["report", {"a": 1}]}]


def test_what_it_does_not_know_changes_nothing(lab: Lab) -> None:
    lab.serve()
    lab.bus.told({"tea": 1})
    assert (lab.listening(), lab.reactor.stops) == ([12, 22], 0)


# -- its end


def test_one_that_retires_accepts_nothing_more_and_stops(lab: Lab) -> None:
    lab.serve()
    lab.bus.told({"serve": 3})
    lab.bus.told({"retire": True})
    assert (lab.listening(), lab.reactor.stops) == ([], 1)
    lab.bus.told({"retire": True})  # although it stops already


def test_it_stops_its_service_and_then_its_bus(lab: Lab) -> None:
    lab.serve()
    lab.bus.told({"serve": 3})
    lab.reactor.shut_down()
    assert lab.service.happened == ["start", "stop"]
    assert 13 not in lab.listening()
    assert lab.bus.happened == ["stop"]
    assert lab.folder.exists()  # which is its parent's


def test_one_whose_parent_is_gone_stops_and_leaves_no_folder(lab: Lab) -> None:
    (lab.folder / "a socket").touch()
    lab.serve()
    lab.bus.orphaned()
    assert lab.reactor.stops == 1
    assert lab.folder.exists()  # its sockets are still there
    lab.bus.orphaned()
    lab.reactor.shut_down()
    assert lab.service.happened == ["start", "stop"]
    assert not lab.folder.exists()
