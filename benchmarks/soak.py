"""Full load for a long time, sessions coming and going on all transports; then all must be back.

    python benchmarks/soak.py --seconds 600

Several load generators at a time open sessions on one server, keep it as busy as it can be for a
few seconds, and end them: half of the websockets with a closing handshake, everything else by
vanishing. Every message is checked. The exit code is 1 if one was wrong, lost or out of order, or
if in the end sessions, timers, descriptors, objects or memory are more than they were: all but
memory to the number, which may keep ``--memory`` percent that the allocator has not given back.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter

import peers
from idle_sessions import ROWS, Server, State, allow_descriptors, serving, surroundings

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "soak_server.py")
WORDS = {**ROWS, "objects": "objects"}
DESCRIPTORS = 4000
# Load generators at a time, and how long each of them stays, in seconds.
LANES = 4
STAYS = (1.0, 4.0, 2.0)
# Short enough that each stay sees heartbeats and pings.
HEARTBEAT_DELAY = 1.0
# How long sessions whose client is gone are kept, in seconds.
DISCONNECT_DELAY = 1.0

# What the load generators do, in turn.
TASKS = [
    ("websocket", "socket connections=50 in_flight=10"),
    ("xhr", "http transport=xhr connections=25"),
    ("websocket", "socket connections=20 size=65536 utf8=1"),
    ("websocket", "open-socket connections=20"),
    ("xhr_streaming", "http transport=xhr_streaming connections=25 size=2000"),
    ("rawwebsocket", "socket transport=rawwebsocket connections=50 in_flight=100"),
    ("eventsource", "http transport=eventsource connections=25 size=1000 utf8=1"),
    ("xhr", "open-http transport=xhr connections=10"),
    ("websocket", "broadcast path=/broadcast connections=200 in_flight=10"),
    ("htmlfile", "http transport=htmlfile connections=25 utf8=1 size=500"),
    ("websocket", "socket connections=100 in_flight=1 size=1024"),
    ("jsonp", "http transport=jsonp connections=25"),
]


class Soak:
    """The load: how much came through, and what was wrong."""

    def __init__(self, server: Server, haste: float = 1.0) -> None:
        self.came: Counter[str] = Counter()
        self.failures: list[str] = []
        self._server = server
        self._stays = [stay / haste for stay in STAYS]
        self._load = peers.load_generator()
        self._cores = peers.Cores()
        self._lock = threading.Lock()
        self._begun = 0

    def run(self, seconds: float) -> None:
        """Keep the server busy for that long, and until each task was begun."""
        self._begun = 0
        deadline = time.monotonic() + seconds
        lanes = [threading.Thread(target=self._lane, args=(deadline,)) for _ in range(LANES)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()

    def _lane(self, deadline: float) -> None:
        while not self.failures:
            with self._lock:
                turn, self._begun = self._begun, self._begun + 1
            left = deadline - time.monotonic()
            if left <= 0 and turn >= len(TASKS):
                return
            transport, task = TASKS[turn % len(TASKS)]
            stay = self._stays[turn % len(STAYS)]
            self._stay(transport, task, stay if left <= 0 else min(stay, left))

    def _stay(self, transport: str, task: str, seconds: float) -> None:
        arguments = [
            *task.split(),
            f"port={self._server.port}",
            f"seconds={seconds}",
            "warmup=0",
            "polite=1",
            "patience=60",
        ]
        ran = subprocess.run(
            peers.pinned(self._cores.load, [self._load, *arguments]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        with self._lock:
            if ran.returncode:
                self.failures.append(f"{task}: {ran.stderr.strip()}")
            else:
                self.came[transport] += json.loads(ran.stdout)["count"]


def at_rest(server: Server, wanted: State, patience: float) -> State:
    """Wait until nothing more is held than wanted, or for so many seconds; give what is held."""
    deadline = time.monotonic() + patience
    while True:
        state = server.state("collect")
        if not left_over(wanted, state) or time.monotonic() > deadline:
            return state
        time.sleep(0.5)


def left_over(before: State, after: State) -> list[str]:
    """Say what is there after the end that was not before."""
    return [
        f"{WORDS[key]}: {after[key]:,.0f} after the end, {most:,.0f} before"
        for key, most in before.items()
        if after[key] > most
    ]


def table(states: dict[str, State]) -> str:
    """Give the numbers for a reader."""
    lines = [f"{'':24}" + "".join(f"{name:>14}" for name in states)]
    for key, words in WORDS.items():
        figures = (state[key] for state in states.values())
        lines.append(f"{words:24}" + "".join(f"{figure:14,.0f}" for figure in figures))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Load the server for long, and see what stays.")
    parser.add_argument(
        "--seconds", type=float, default=600.0, metavar="S", help="under full load (default: 600)"
    )
    parser.add_argument(
        "--warmup",
        type=float,
        default=30.0,
        metavar="S",
        help="the same load before memory and objects are looked at first (default: 30)",
    )
    parser.add_argument(
        "--memory",
        type=float,
        default=10.0,
        metavar="PERCENT",
        help="how much memory the allocator may keep (default: 10)",
    )
    parser.add_argument(
        "--haste",
        type=float,
        default=1.0,
        metavar="TIMES",
        help="let load generators come and go so many times faster (default: 1)",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=60.0,
        metavar="S",
        help="how long the server may take to give everything back (default: 60)",
    )
    options = parser.parse_args()
    allow_descriptors(DESCRIPTORS)
    print(f"{options.seconds:g} seconds of full load: {surroundings()}", flush=True)
    core = peers.Cores().server
    delays = {"--heartbeat-delay": HEARTBEAT_DELAY, "--disconnect-delay": DISCONNECT_DELAY}
    command = [sys.executable, SERVER, *(str(each) for pair in delays.items() for each in pair)]
    with serving(peers.pinned(core, command)) as server:
        start = server.state("collect")
        lasting = {key: start[key] for key in ("sessions", "applications", "timers", "descriptors")}
        soak = Soak(server, options.haste)
        soak.run(options.warmup)
        # The routers' own timers run for a while longer, which needs no waiting for yet.
        untimed = {key: most for key, most in lasting.items() if key != "timers"}
        before = at_rest(server, untimed, options.patience)
        soak.came.clear()
        soak.run(options.seconds)
        wanted = {
            **lasting,
            "objects": before["objects"],
            "memory": before["memory"] * (1 + options.memory / 100),
        }
        after = at_rest(server, wanted, options.patience)
    print(table({"at the start": start, "warm": before, "at the end": after}))
    for transport, count in sorted(soak.came.items()):
        print(f"{transport:24}{count:14,} messages and opens")
    complaints = [*soak.failures, *left_over(wanted, after)]
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
