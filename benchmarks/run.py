"""The same work for this server and those a user could choose instead, side by side.

    python benchmarks/run.py --rows echo-1 --servers txsockjs,floor --rounds 1 --seconds 2

Each server runs on a core of its own, the load generator on another; the rounds of a row are taken
in turn (A B C A B C) on new processes, and the table tells their medians. A wrong, lost or
reordered message fails the run: the exit code is 1. How to read the table: README.md beside this.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable

import peers
import report
import rows
from idle_sessions import SPARE_DESCRIPTORS, allow_descriptors
from peers import Cores, Environments, Peer, Running, Unavailable, serving
from rows import Row

QUICK_SERVERS = ["txsockjs", "floor"]
QUICK_SECONDS = 0.2
# Just-in-time compilers need it: after half a second sockjs-node opens xhr sessions at a third of
# the rate that it has after six. Less would flatter whoever is interpreted.
WARMUP = 4.0
# A generator that uses more of its core than this might be what is measured.
BUSY = 0.9
# What the first sessions make a server load and compile is not a session's cost.
FIRST_SESSIONS = 100
# Memory is looked at when a server has had this time to come to rest, in seconds.
REST = 1.0


class Failed(Exception):
    """The load generator found something wrong, or did not end."""


class Bench:
    """Runs rows on servers: on a new process each time, or on those that ``kept`` ends."""

    def __init__(
        self,
        environments: Environments,
        seconds: float,
        warmup: float,
        kept: contextlib.ExitStack | None = None,
    ) -> None:
        self._environments = environments
        self._kept = kept
        self._running: dict[str, Running] = {}
        self._seconds = seconds
        self._warmup = warmup
        self._cores = Cores()
        self._load = peers.load_generator()

    def measure(self, row: Row, peer: Peer) -> report.Result:
        """Run one round of one row."""
        with self._serving(peer) as server:
            common = [
                *row.arguments(),
                f"port={server.port}",
                *(f"{name}={pid}" for name, pid in zip(("pid", "pid2"), server.pids)),
                f"canned={int(peer.canned)}",
            ]
            if row.is_memory:
                return self._memory(row, server, common)
            times = [f"seconds={self._seconds}", f"warmup={self._warmup}"]
            with self._loading([*common, *times]) as load:
                # The generator gives up by itself when nothing comes any more.
                said, complaint = load.communicate()
            return report.Result.of(_told(load, said, complaint))

    def _serving(self, peer: Peer) -> contextlib.AbstractContextManager[Running]:
        server = serving(self._environments.command(peer), self._cores.server, peer.source)
        if self._kept is None:
            return server
        if peer.name not in self._running:
            self._running[peer.name] = self._kept.enter_context(server)
        return contextlib.nullcontext(self._running[peer.name])

    def _memory(self, row: Row, server: Running, arguments: list[str]) -> report.Result:
        with self._loading([*arguments, f"connections={FIRST_SESSIONS}", "polite=1"]) as load:
            _told(load, *self._when_ready(load, lambda: None))
        before = server.resident_kib()
        found: list[float] = []
        with self._loading(arguments) as load:
            ended = self._when_ready(load, lambda: found.append(server.resident_kib()))
            _told(load, *ended)
        return report.Result((found[0] - before) / row.connections)

    def _when_ready(self, load: subprocess.Popen[str], look: Callable[[], None]) -> tuple[str, str]:
        if load.stdout.readline():
            time.sleep(REST)
            look()
        return load.communicate()

    def _loading(self, arguments: list[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            peers.pinned(self._cores.load, [self._load, *arguments]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _told(load: subprocess.Popen[str], said: str, complaint: str) -> dict[str, float]:
    if load.returncode != 0:
        raise Failed(complaint.strip() or f"the load generator ended with {load.returncode}")
    return json.loads(said.splitlines()[-1])


def fill(
    table: report.Table, bench: Bench, chosen: list[Row], servers: list[Peer], rounds: int
) -> None:
    """Run everything, and tell on standard error how far it is."""
    for row in chosen:
        for number in range(rounds):
            for peer in servers:
                if not peer.takes_part(row.name):
                    continue
                try:
                    result = bench.measure(row, peer)
                except (Failed, Unavailable) as failure:
                    table.fail(row, peer.name, str(failure))
                    _tell(f"{row.name}, round {number + 1}, {peer.name}: FAILED: {failure}")
                    continue
                table.add(row, peer.name, result)
                _tell(f"{row.name}, round {number + 1}, {peer.name}: {result.figure:,.1f}")
                if result.load is not None and result.load > BUSY:
                    _tell(f"  the load generator was busy: {result.load:.0%} of its core")


def available(servers: list[Peer], environments: Environments) -> list[tuple[Peer, str]]:
    """Install what is missing; leave out, visibly, what can't be installed."""
    found = []
    for peer in servers:
        try:
            found.append((peer, environments.describe(peer)))
        except Unavailable as reason:
            _tell(f"SKIPPED: {peer.name}: {reason}")
    return found


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _machine() -> str:
    model = platform.processor() or platform.machine()
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def _names(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return [name for name in known if name in names]

    return parse


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure SockJS servers side by side.")
    parser.add_argument("--rows", type=_names(rows.NAMES), default=rows.NAMES, metavar="A,B")
    parser.add_argument("--servers", type=_names(peers.NAMES), metavar="A,B", help="default: all")
    parser.add_argument(
        "--before", metavar="REVISION", help="also run txsockjs as it was there, in the same run"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="default: 3")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each round; default: 3")
    parser.add_argument("--warmup", type=float, metavar="S", help="before each; default: 4")
    parser.add_argument("--quick", action="store_true", help="only see that everything works")
    parser.add_argument(
        "--python", metavar="PROGRAM", help="the interpreter of the Twisted servers, such as pypy3"
    )
    parser.add_argument(
        "--reactor",
        choices=peers.REACTORS,
        default="epoll",
        help="the reactor of the Twisted servers; uvloop is asyncio's on uvloop (default: epoll)",
    )
    parser.add_argument("--json", metavar="FILE", help="write every round there, too")
    options = parser.parse_args(arguments)
    quick = options.quick
    options.servers = options.servers or (QUICK_SERVERS if quick else peers.NAMES)
    options.rounds = options.rounds or (1 if quick else 3)
    options.seconds = options.seconds or (QUICK_SECONDS if quick else 3.0)
    if options.warmup is None:
        options.warmup = 0.0 if quick else WARMUP
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    chosen = [row for row in rows.ROWS if row.name in options.rows]
    if options.quick:
        chosen = [row.quick() for row in chosen]
    allow_descriptors(max(row.connections for row in chosen) * 2 + SPARE_DESCRIPTORS)
    environments = Environments(options.python, options.reactor)
    wanted = [peer for peer in peers.PEERS if peer.name in options.servers]
    if options.before:
        try:
            wanted.insert(1, peers.before(options.before))
        except Unavailable as reason:
            sys.exit(str(reason))
    found = available(wanted, environments)
    table = report.Table(chosen, [peer.name for peer, _ in found])
    load_before = os.getloadavg()[0]
    with contextlib.ExitStack() as kept:
        try:
            bench = Bench(
                environments, options.seconds, options.warmup, kept if options.quick else None
            )
        except Unavailable as reason:
            sys.exit(str(reason))
        fill(table, bench, chosen, [peer for peer, _ in found], options.rounds)
    load_after = os.getloadavg()[0]

    facts = {
        "machine": _machine(),
        "load": f"{load_before:.2f} when it began, {load_after:.2f} when it ended",
        "rounds": f"{options.rounds} of {options.seconds:g} s each after {options.warmup:g} s of "
        "warm-up, medians",
        **{peer.name: versions for peer, versions in found},
    }
    print("\n".join(f"- {name}: {words}" for name, words in facts.items()))
    print(f"\n{table.side_by_side()}\n\n{table.details()}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"facts": facts, "results": table.as_json()}, file, indent=1)
    for failure in table.failures:
        print(f"FAILED: {failure}")
    return 1 if table.failures or not found else 0


if __name__ == "__main__":
    sys.exit(main())
