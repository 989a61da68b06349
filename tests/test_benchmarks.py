"""The benchmark of idle sessions: it runs, all comes back, and it would tell if not."""

import importlib.util
import os
import subprocess
import sys

import pytest

from .running import ROOT

SCRIPT = os.path.join(ROOT, "benchmarks", "idle_sessions.py")
PATIENCE = 120


def load():
    spec = importlib.util.spec_from_file_location("idle_sessions", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


idle_sessions = load()


def make_measured(full=None, after=None, sessions=100):
    """Give a measurement in which all is well but for what is given."""
    before = {"memory": 1000, "sessions": 0, "applications": 0, "timers": 1, "descriptors": 11}
    return idle_sessions.Measured(
        sessions,
        before,
        {**before, "memory": 2000, "sessions": sessions, **(full or {})},
        {**before, "memory": 2000, **(after or {})},
    )


def rows(table):
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
    numbers = rows(ran.stdout)
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
