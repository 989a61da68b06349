"""The servers that are compared, the environments they run in, and their processes.

Each environment has a folder of its own under ``.cache/bench``, made once and again when what goes
into it changes. Used by ``run.py`` and ``soak.py``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CACHE = ROOT / ".cache" / "bench"
SERVERS = HERE / "servers"
MARK = "listening on "

REACTORS = ("epoll", "asyncio", "uvloop")
C99 = ("-std=c99", "-O2")


class Unavailable(Exception):
    """A server can't run here; says why."""


@dataclasses.dataclass(frozen=True)
class Peer:
    """A server: its script, the packages it needs, and what it can do.

    Without ``packages`` it runs in the environment of txsockjs. ``rows`` are the beginnings of the
    names of those it takes part in. A ``canned`` one gets the same message again and again.
    ``arguments`` are more of the script's. ``source`` is the folder that ``txsockjs`` is imported
    from.
    """

    name: str
    script: str
    packages: tuple[str, ...] = ()
    rows: tuple[str, ...] = ("",)
    canned: bool = False
    source: Path = ROOT
    arguments: tuple[str, ...] = ()

    def takes_part(self, row: str) -> bool:
        """Whether it can do a row."""
        return row.startswith(self.rows)


# What servers without rooms can do.
_ROOMLESS = ("echo", "broadcast", "xhr", "open", "idle")

PEERS = [
    Peer("txsockjs", "txsockjs_server.py"),
    Peer("sockjs-node", "node_server.js", ("sockjs",), _ROOMLESS),
    Peer("sockjs-tornado", "tornado_server.py", ("sockjs-tornado", "tornado"), _ROOMLESS),
    Peer("aiohttp", "aiohttp_server.py", ("sockjs", "aiohttp"), _ROOMLESS),
    Peer("autobahn", "autobahn_server.py", rows=("echo", "broadcast", "open-websocket", "idle")),
    Peer("floor", "floor_server.py", rows=_ROOMLESS, canned=True),
    Peer("scraped", "txsockjs_server.py", rows=("echo-10", "xhr-polling"), arguments=("scraped",)),
    Peer("two workers", "relay_server.py", rows=("relay",), arguments=("local",)),
    Peer("two on Redis", "relay_server.py", rows=("relay",), arguments=("redis",)),
]
NAMES = [peer.name for peer in PEERS]


def before(revision: str) -> Peer:
    """Give txsockjs as it was at a revision of its repository, to be compared with what it is."""
    git = ["git", "-C", str(ROOT)]
    try:
        commit = _said([*git, "rev-parse", "--verify", f"{revision}^{{commit}}"])
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"{revision} is no revision of this repository") from error
    folder = CACHE / f"before-{commit}"
    if not folder.exists():
        made = CACHE / f"{folder.name}.{os.getpid()}"
        made.mkdir(parents=True)
        archive = subprocess.Popen([*git, "archive", commit, "txsockjs"], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", str(made)], stdin=archive.stdout, check=True)
        archive.wait()
        made.rename(folder)
    return Peer("before", "txsockjs_server.py", rows=_ROOMLESS, source=folder)


def load_generator() -> str:
    """Compile the load generator if that was not done yet, and give its path."""
    source, program = HERE / "load.c", CACHE / "load"
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Unavailable("the load generator is a C program, and there is no C compiler")
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        CACHE.mkdir(parents=True, exist_ok=True)
        made = f"{program}.{os.getpid()}"
        command = [compiler, *C99, "-o", made, str(source)]
        subprocess.run(command, check=True)
        os.replace(made, program)
    return str(program)


class Environments:
    """Where servers run: installs what is missing, and gives the command for each."""

    def __init__(self, python: str | None, reactor: str) -> None:
        self._python = python
        self._reactor = reactor

    def command(self, peer: Peer) -> list[str]:
        """Give the command that starts a server."""
        script = str(SERVERS / peer.script)
        if peer.script.endswith(".js"):
            return [_program("node"), script]
        if peer.packages:
            return [_virtual(peer.name, sys.executable, peer.packages), script]
        return [self._own(), script, self._reactor, *peer.arguments]

    def describe(self, peer: Peer) -> str:
        """Say which versions it runs on."""
        command = self.command(peer)
        if peer.script.endswith(".js"):
            told = json.loads((_node_modules() / "sockjs" / "package.json").read_text())
            return f"sockjs {told['version']}, Node {_said([command[0], '--version']).lstrip('v')}"
        names = peer.packages or ("txsockjs", "twisted", "autobahn", "orjson", "uvloop")
        return _said([command[0], "-c", _VERSIONS, *names])

    def _own(self) -> str:
        if self._python is None and self._reactor != "uvloop":
            return sys.executable
        python = _program(self._python) if self._python else sys.executable
        more = ("uvloop",) if self._reactor == "uvloop" else ()
        name = "-".join(["txsockjs", os.path.basename(python), *more])
        return _virtual(name, python, ("--editable", str(ROOT), *more))


_VERSIONS = """
import importlib.metadata, platform, sys
def version(name):
    try:
        return [name + " " + importlib.metadata.version(name)]
    except importlib.metadata.PackageNotFoundError:
        return []
print(", ".join(sum(map(version, sys.argv[1:]), [])) + ", "
      + platform.python_implementation() + " " + platform.python_version())
"""


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"{name} is not installed")
    return found


@functools.cache
def _virtual(name: str, python: str, packages: tuple[str, ...]) -> str:
    """Give the interpreter of a virtual environment that has these packages."""
    folder = CACHE / name
    stamp, program = folder / ".installed", folder / "bin" / "python"
    wanted = "\n".join([python, *packages])
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {name} into {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _install([python, "-m", "venv", str(folder)])
        _install([str(program), "-m", "pip", "install", "--quiet", *packages])
        stamp.write_text(wanted)
    return str(program)


@functools.cache
def _node_modules() -> Path:
    folder = CACHE / "sockjs-node"
    modules = folder / "node_modules"
    if not (folder / ".installed").exists():
        print(f"installing sockjs-node into {folder.relative_to(ROOT)}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        npm = [_program("npm"), "--prefix", str(folder), "install", "--no-audit", "--no-fund"]
        _install([*npm, "sockjs"])
        (folder / ".installed").touch()
    return modules


def _install(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"cannot install: {error}") from error


class Cores:
    """Which core the server has, and which one the load generator has."""

    def __init__(self) -> None:
        allowed = sorted(os.sched_getaffinity(0))
        self.server, self.load = allowed[0], allowed[-1]


def pinned(core: int, command: list[str]) -> list[str]:
    """Give the command that runs another one on one core, as the same process."""
    return [_program("taskset"), "--cpu-list", str(core), *command]


@dataclasses.dataclass
class Running:
    """A server that runs."""

    process: subprocess.Popen[str]
    port: int
    pids: list[int]

    @property
    def pid(self) -> int:
        """Its process, or the first of two."""
        return self.pids[0]

    def resident_kib(self) -> float:
        """Give its resident memory."""
        with open(f"/proc/{self.pid}/smaps_rollup") as lines:
            return float(next(line for line in lines if line.startswith("Rss:")).split()[1])


@contextlib.contextmanager
def serving(command: list[str], core: int, source: Path = ROOT) -> Iterator[Running]:
    """Run a server on one core until the block ends; ``source`` has the package txsockjs."""
    environment = {**os.environ, "PYTHONPATH": str(source)}
    if command[-1].endswith(".js"):
        environment["NODE_PATH"] = str(_node_modules())
    process = subprocess.Popen(
        pinned(core, command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        said = process.stdout.readline()
        if MARK not in said:
            raise Unavailable(f"{' '.join(command)} ended with exit code {process.wait()}")
        port, *pids = map(int, said.split(MARK)[1].split())
        yield Running(process, port, pids or [process.pid])
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()
