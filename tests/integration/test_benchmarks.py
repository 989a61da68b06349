"""The benchmarks: they run, and they would tell if something were wrong. No time is asserted."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import threading

import pytest

from ..support.needed import program
from ..support.running import ROOT

BENCHMARKS = os.path.join(ROOT, "benchmarks")
SCRIPT = os.path.join(BENCHMARKS, "idle_sessions.py")
PATIENCE = 240


def load(name):
    """Import a program that is in no package, with its neighbours."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(BENCHMARKS, name + ".py"))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


idle_sessions, rows, peers, report = map(load, ("idle_sessions", "rows", "peers", "report"))
run, soak, fairness = map(load, ("run", "soak", "fairness"))


def make_measured(full=None, after=None, sessions=100):
    """Give a measurement in which all is well but for what is given."""
    before = {"memory": 1000, "sessions": 0, "applications": 0, "timers": 1, "descriptors": 11}
    return idle_sessions.Measured(
        sessions,
        before,
        {**before, "memory": 2000, "sessions": sessions, **(full or {})},
        {**before, "memory": 2000, **(after or {})},
    )


def numbers_of(table):
    """Give the numbers of a printed table by the words before them."""
    lines = (line for line in table.splitlines() if line[:1].isalpha() and line[-1:].isdigit())
    return {line[:24].strip(): line[24:].replace(",", "").split() for line in lines}


def test_sessions_timers_and_descriptors_return_when_the_sessions_end():
    ran = subprocess.run(
        [sys.executable, SCRIPT, "--sessions", "200", "--heartbeat-delay", "1"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    numbers = numbers_of(ran.stdout)
    for name in ("sessions", "application objects"):
        assert numbers[name] == ["0", "200", "0"]
    for name in ("timers", "file descriptors"):
        before, full, after = map(int, numbers[name])
        assert before + 200 <= full
        assert after <= before
    assert "KiB per session" in ran.stdout


def test_a_cost_within_the_bound_is_no_complaint():
    assert make_measured().kib_per_session == 10
    assert make_measured().complaints(10) == []
    assert make_measured().complaints(None) == []


def test_a_cost_over_the_bound_is_a_complaint():
    assert make_measured(full={"memory": 2001}).complaints(10) == [
        "a session may cost 10 KiB, not 10.01"
    ]


@pytest.mark.parametrize("left", ["sessions", "applications", "timers", "descriptors"])
def test_what_does_not_come_back_is_a_complaint(left):
    measured = make_measured()
    leaking = make_measured(after={left: measured.before[left] + 1})
    assert len(leaking.complaints(None)) == 1
    assert leaking.complaints(None)[0].startswith(idle_sessions.ROWS[left])


def test_memory_that_the_allocator_keeps_is_no_complaint():
    assert make_measured(after={"memory": 5000}).complaints(None) == []


def test_a_bound_that_is_exceeded_ends_the_benchmark_with_exit_code_1(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [SCRIPT, "--at-most", "9.5"])
    monkeypatch.setattr(idle_sessions, "measure", lambda *arguments: make_measured())
    assert idle_sessions.main() == 1
    assert "FAILED: a session may cost 9.5 KiB, not 10.00" in capsys.readouterr().out


# -- the servers side by side

linux = pytest.mark.skipif(
    not (hasattr(os, "sched_setaffinity") and os.path.exists("/proc/self/smaps_rollup")),
    reason="the benchmarks need Linux",
)


def benchmark(program, *arguments):
    return subprocess.run(
        [sys.executable, os.path.join(BENCHMARKS, program), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "PYTHONPATH": ROOT},
    )


@linux
def test_every_row_works_on_this_server_and_on_the_floor(tmp_path):
    told = tmp_path / "told.json"
    ran = benchmark("run.py", "--quick", "--json", str(told))
    assert ran.returncode == 0, ran.stderr + ran.stdout
    results = json.loads(told.read_text())["results"]
    servers = [peer for peer in peers.PEERS if peer.name in ("txsockjs", "floor")]
    assert {(result["row"], result["server"]) for result in results if result["rounds"]} == {
        (row, server.name) for row in rows.NAMES for server in servers if server.takes_part(row)
    }
    assert all(result["failure"] is None for result in results)


@linux
def test_two_nodes_relay_for_each_other(tmp_path):
    program("redis-server", "valkey-server")
    told = tmp_path / "told.json"
    servers = "--servers=two workers,two on Redis"
    ran = benchmark("run.py", "--quick", "--rows=relay", servers, f"--json={told}")
    assert ran.returncode == 0, ran.stderr + ran.stdout
    results = json.loads(told.read_text())["results"]
    assert [len(result["rounds"]) for result in results] == [1, 1]


@linux
def test_a_server_whose_metrics_are_read_does_the_same_work(tmp_path):
    told = tmp_path / "told.json"
    ran = benchmark(
        "run.py", "--quick", "--rows=echo-10,xhr-polling", "--servers=scraped", f"--json={told}"
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    results = json.loads(told.read_text())["results"]
    assert [len(result["rounds"]) for result in results] == [1, 1]


@linux
@pytest.mark.skipif(not os.path.exists(os.path.join(ROOT, ".git")), reason="needs the repository")
def test_the_code_of_a_revision_runs_beside_this_one(tmp_path):
    told = tmp_path / "told.json"
    options = ["--quick", "--rows=echo-1", "--servers=txsockjs", "--before=HEAD", f"--json={told}"]
    ran = benchmark("run.py", *options)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    results = json.loads(told.read_text())["results"]
    assert [result["server"] for result in results] == ["txsockjs", "before"]
    assert all(result["failure"] is None for result in results)
    source = peers.before("HEAD").source
    assert source != peers.ROOT and (source / "txsockjs" / "__init__.py").exists()


def test_a_revision_that_is_none_is_refused():
    with pytest.raises(peers.Unavailable, match="no-such is no revision"):
        peers.before("no-such")


@linux
def test_a_soak_ends_where_it_began():
    hurry = ("--seconds", "0.1", "--warmup", "0.1", "--haste", "5")
    ran = benchmark("soak.py", *hurry, "--memory", "100")
    assert ran.returncode == 0, ran.stderr + ran.stdout
    for transport, _ in soak.TASKS:
        assert f"\n{transport} " in ran.stdout


@linux
def test_every_flood_lasts_and_the_bystander_is_answered():
    ran = benchmark("fairness.py", "--clients", "2", "--seconds", "0.1", "--at-most", "1e6")
    assert ran.returncode == 0, ran.stderr + ran.stdout
    for flood in fairness.FLOODS:
        assert f" {flood} " in ran.stdout


@linux
def test_an_echo_that_takes_too_long_fails_the_run():
    hurry = ("--floods", "pings", "--clients", "1", "--seconds", "0.1")
    ran = benchmark("fairness.py", *hurry, "--at-most", "0")
    assert ran.returncode == 1
    assert "FAILED: pings: an echo took" in ran.stdout


@linux
@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_the_load_generator_compiles_without_a_warning(tmp_path):
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion"]
    source = os.path.join(BENCHMARKS, "load.c")
    ran = subprocess.run(
        ["gcc", *peers.C99, *warnings, "-o", str(tmp_path / "load"), source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


class Echo(threading.Thread):
    """A websocket server for one connection that changes what it sends back."""

    def __init__(self, change, count):
        super().__init__(daemon=True)
        self.change, self.count = change, count
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        with self.listener, self.listener.accept()[0] as connection:
            file = connection.makefile("rwb")
            while file.readline().strip():
                pass
            file.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")
            file.write(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x01o")
            file.flush()
            messages = []
            for _ in range(self.count):
                size = file.read(2)[1] & 127
                mask = file.read(4)
                masked = file.read(size)
                payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))
                messages += json.loads(payload)
            for message in self.change(messages):
                frame = b"a" + json.dumps([message]).encode()
                file.write(bytes((0x81, len(frame))) + frame)
            file.flush()
            file.read()


def generate(change, *arguments):
    """Let the load generator send three messages to a server that changes them."""
    server = Echo(change, 3)
    server.start()
    ran = subprocess.run(
        [peers.load_generator(), "socket", f"port={server.port}", "in_flight=3", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    server.join(PATIENCE)
    return ran


ONCE = ("seconds=0", "warmup=0")


@linux
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda m: [m[0], m[1] + "!", m[2]], "was wanted"),
        (lambda m: [m[0], m[1][:-1] + "!", m[2]], "was wanted"),
        (lambda m: [m[0], "0001" + m[1][4:], m[2]], "was wanted"),
        (lambda m: [m[1], m[0], m[2]], "was wanted"),
        (lambda m: [m[0], m[0], m[1]], "was wanted"),
        (lambda m: [m[0], m[2]], "was wanted"),
        (lambda m: m[:2], "1 messages are lost"),
        (lambda m: [*m, m[2][:13] + "03" + m[2][15:]], "not sent"),
    ],
)
def test_a_message_that_is_wrong_lost_or_out_of_order_fails_the_run(change, complaint):
    # Nobody waits for long but where a message is lost, and then long enough for the others.
    patience = 5 if "lost" in complaint else PATIENCE
    ran = generate(change, *ONCE, f"patience={patience}")
    assert ran.returncode == 1
    assert complaint in ran.stderr
    assert ran.stdout == ""


def make_table(**figures):
    row = rows.ROWS[0]
    table = report.Table([row], list(figures))
    for server, rounds in figures.items():
        for figure in rounds:
            table.add(row, server, report.Result(figure, 1.0, 2.0, 1e6 / figure, 0.1))
    return row, table


def test_the_table_tells_medians_and_how_many_times_better_txsockjs_is():
    row, table = make_table(txsockjs=[100, 300, 200], floor=[400, 100, 5000])
    assert table.cell(row, "txsockjs").figure == 200
    assert table.ratio(row, "floor") == 0.5
    assert "| 200 | 400 (0.50) |" in table.side_by_side()
    assert "| echo-1 | floor | 400 | 1.00 | 2.00 | 2,500.0 | 0.50 | 10% |" in table.details()


def test_of_memory_less_is_better():
    row = next(row for row in rows.ROWS if row.is_memory)
    table = report.Table([row], ["txsockjs", "floor"])
    table.add(row, "txsockjs", report.Result(10.0))
    table.add(row, "floor", report.Result(20.0))
    assert table.ratio(row, "floor") == 2.0
    assert "| 10.0 | 20.0 (2.00) |" in table.side_by_side()


def test_a_failed_round_voids_the_row_of_its_server():
    row, table = make_table(txsockjs=[100], floor=[100])
    table.fail(row, "floor", "a message was lost")
    assert table.cell(row, "floor") is None
    assert "| 100 | FAILED |" in table.side_by_side()
    assert table.failures == ["echo-1, floor: a message was lost"]


def test_a_server_that_has_no_such_row_is_left_out_of_it():
    autobahn = next(peer for peer in peers.PEERS if peer.name == "autobahn")
    assert autobahn.takes_part("echo-1")
    assert not autobahn.takes_part("xhr-polling")


@pytest.mark.parametrize("wrong", ["--rows=echo-2", "--servers=socket.io"])
def test_rows_and_servers_that_are_unknown_are_refused_with_those_that_are_known(wrong, capsys):
    with pytest.raises(SystemExit):
        run.parse([wrong])
    assert "is none of" in capsys.readouterr().err


def test_what_stays_after_a_soak_is_a_complaint():
    before = {"timers": 1, "memory": 1000}
    assert soak.left_over(before, {"timers": 1, "memory": 1000}) == []
    assert soak.left_over(before, {"timers": 2, "memory": 1000}) == [
        "timers: 2 after the end, 1 before"
    ]
