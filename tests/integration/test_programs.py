"""The programs that README, docs and examples show whole: they run, and end in order."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.docs import PAGES, found
from ..support.kept_port import kept_port
from ..support.running import MARK, ROOT, ended, running
from .test_examples import Socket
from .test_readme import FILES, TEXTS

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LISTENS = re.compile(r"\.(listen|listenTCP|run|startService)\(")

BLOCKS = {
    f"{page}-{number}": code
    for page, codes in (
        ("README.md", _BLOCK.findall(TEXTS["README.md"])),
        *((page, [code for kind, code in found(page) if kind == "python"]) for page in PAGES),
    )
    for number, code in enumerate(codes)
}
EXAMPLES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in Path(ROOT, "examples").glob("*.py")
}
# Those that say where they listen; the others are run in memory, by the tests of their page.
PROGRAMS = {
    name: code
    for name, code in {**BLOCKS, **EXAMPLES}.items()
    if re.search(rf'^ *print\("{MARK}', code, re.MULTILINE)
}
# Where each of them has its sessions.
PREFIXES = {
    "composing.md-0": "/chat",
    "composing.md-1": "/chat",
    "composing.md-3": "/upper",
    "existing-protocols.md-0": "/chat",
    "migrating.md-0": "/echo",
    "examples/existing_chat.py": "/chat",
    "examples/klein_app.py": "/shout",
}
# Crochet runs the reactor there.
IN_A_THREAD = {name for name in BLOCKS if name.startswith("howto/crochet.md")}


def test_whoever_listens_runs_the_reactor() -> None:
    whole = {name for name, code in BLOCKS.items() if _LISTENS.search(code)} - IN_A_THREAD
    assert len(whole) >= 10
    for name in whole:
        assert re.search(r"^ *reactor\.run\(\)$", BLOCKS[name], re.MULTILINE), name


def test_the_programs_are_found() -> None:
    assert set(PROGRAMS) == set(PREFIXES)


class Program:
    """A program in a folder of its own, on these ports."""

    def __init__(self, name: str, folder: Path, ports: list[int]) -> None:
        self.folder = folder
        (folder / "chat.py").write_text(FILES["chat.py"])
        code = PROGRAMS[name]
        numbers = {"8080": str(ports[0]), "6000": str(ports[1])}
        code = re.sub("8080|6000", lambda shown: numbers[shown[0]], code)
        self.port = ports[0]
        (folder / "program.py").write_text(code)
        self.catches = "CannotListenError" in code
        self.prefix = PREFIXES[name]
        # One that closes its router does so with that call's default; a factory's restarts.
        own = re.search(r"[Rr]outer\.close\b", code)
        self.last_frame = 'c[3000,"Go away!"]' if own else 'c[1012,"Service restart"]'


@pytest.fixture
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Program]:
    with kept_port() as one, kept_port() as other:
        yield Program(request.param, tmp_path, [one, other])


each = pytest.mark.parametrize("program", PROGRAMS, indirect=True)


@each
def test_it_serves_and_ends_its_sessions_in_order(program: Program) -> None:
    with running("program.py", cwd=str(program.folder)) as server:
        assert f":{program.port}" in server.url
        with Socket(program, program.prefix) as client:
            os.kill(server.pid, signal.SIGTERM)
            assert client.read() == program.last_frame
        assert server.process.wait(30) == 0, server.output
    assert "Traceback" not in server.output


@each
def test_it_ends_if_the_port_is_taken(program: Program) -> None:
    with socket.create_server(("127.0.0.1", program.port)):
        done = ended(program.folder, "program.py")
    assert done.returncode == 1
    *before, line = done.stderr.splitlines()
    assert "Couldn't listen on " in line and "Address already in use" in line
    assert MARK not in done.stdout
    if program.catches:
        assert before == []
