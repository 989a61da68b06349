"""The pages in ``docs``, read top to bottom in a folder of their own, as a reader would.

A block whose first line names a file (``# chat.py``, ``<!-- public/index.html -->``) is written
there. Python runs, all blocks of a page in one namespace, with a reactor in memory. Command lines
are parsed by the program that they call.
"""

from __future__ import annotations

import ast
import configparser
import importlib
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import twisted.internet
from twisted.application.service import IServiceMaker
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import getPlugins

from txsockjs.cli.commands import Options as Commands
from txsockjs.cli.options import Options
from txsockjs.cli.plan import Plan

from ..wire.test_endpoints import certificate
from .running import ROOT

DOCS = Path(ROOT) / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"(?:# |<!-- )([\w./-]+\.\w+)(?: -->)?$")
# Programs that are not this project's, and what they would do here.
FOREIGN = {
    ".",
    "curl",
    "docker",
    "echo",
    "kubectl",
    "openssl",
    "python3",
    "redis-cli",
    "ssh",
    "systemctl",
}
# What pip can install: a checkout beside the reader, and what others have published.
INSTALLABLE = {
    "../txsockjs",
    "crochet",
    "flask",
    "httpx",
    "twisted[tls]",
    "txsockjs[client]",
    "txsockjs[metrics]",
    "txsockjs[redis]",
    "uvloop",
}
# The program of this page starts a reactor in a thread: `test_docs` runs it in a process.
IN_A_PROCESS = "howto/crochet.md"


def found(page: str) -> list[tuple[str, str]]:
    """Give the language and the code of each block of a page, in order."""
    return _BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


def options(page: str) -> list[list[str]]:
    """Give the options that the text of a page names with a value, such as ``--jsessionid on``."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [words.split() for words in re.findall(r"`(--[a-z-]+ [^` ]+)`", text)]


class Reader:
    """Someone who does what a page says, up to where they stop."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.reactor = MemoryReactorClock()
        self.names: dict[str, Any] = {"__name__": "docs"}
        self.plans: list[Plan] = []
        self._monkeypatch = monkeypatch
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        monkeypatch.setattr(twisted.internet, "reactor", self.reactor)
        # What pages about something else take for granted: an application, a certificate.
        certificate(folder)
        for name in ("key.pem", "cert.pem"):
            (folder / name).write_bytes((folder / "server.pem").read_bytes())
        self._write("chat.py", found("index.md")[0][1])

    def read(self, page: str, blocks: int | None = None) -> dict[str, Any]:
        """Do all that a page says, or only what its first so many blocks of Python say."""
        if page == "migrating.md":
            path = Path(ROOT) / "examples" / "from_tornado" / "chat.py"
            self._write("chat.py", path.read_text(encoding="utf-8"))
        for language, code in found(page):
            if language == "python" and blocks is not None:
                if blocks == 0:
                    break
                blocks -= 1
            named = _FILE.match(code.split("\n", 1)[0])
            if named:
                self._write(named[1], code)
            getattr(self, f"_{language}")(code, page)
        return self.names

    def _write(self, name: str, code: str) -> None:
        path = self.folder / name
        path.write_text(code, encoding="utf-8")
        # Forget the module of that name, now and when the reader is done.
        self._monkeypatch.setitem(sys.modules, path.stem, path)
        del sys.modules[path.stem]
        importlib.invalidate_caches()

    # -- one for each language; a page with another one can't be read

    def _python(self, code: str, page: str) -> None:
        tree = ast.parse(code, page)
        if page == IN_A_PROCESS:
            return
        exec(compile(tree, page, "exec"), self.names)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and "self" in {a.arg for a in node.args.args}:
                # A method shown alone, because nothing else of its class changes.
                setattr(self.names["Chat"], node.name, self.names[node.name])

    def _toml(self, code: str, page: str) -> None:
        self._write("page.toml", code)
        self.plans.append(Plan.read("page.toml"))

    def _ini(self, code: str, page: str) -> None:
        unit = configparser.ConfigParser(interpolation=None, strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(code)
        command = unit.get("Service", "ExecStart", fallback="").replace("%i", "8080")
        if command:
            self._command(os.path.basename(command.split()[0]), shlex.split(command)[1:])

    def _sh(self, code: str, page: str) -> None:
        for line in code.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "))
            # What is piped from one program into the next is two commands.
            for command in " ".join(map(shlex.quote, words)).split(" '|' "):
                program, *arguments = shlex.split(command)
                self._command(program, arguments)

    _console = _sh

    def _command(self, program: str, words: list[str]) -> None:
        if program in FOREIGN:
            return
        if program == "pip" and words[0] == "wheel":
            assert words[-1] in INSTALLABLE, words
            return
        if program == "pip":
            assert words[0] == "install" and set(words[1:]) <= INSTALLABLE, words
            return
        if program == "mkdir":
            (name,) = words
            (self.folder / name).mkdir()
            return
        if words[:2] == ["-m", "txsockjs"]:
            Commands().parseOptions(words[2:])
            return
        if program == "twistd" and "-y" in words:
            assert (Path(ROOT, "examples") / words[-1]).exists(), words
            return
        assert program == "twistd", f"a command that nothing checks: {program}"
        while words[0] in ("-n", "--pidfile=", "--reactor=asyncio"):
            words = words[1:]
        name, *words = words
        if name == "sockjs":
            options = Options()
            options.parseOptions(words)
            self.plans.append(options.plan)
            assert options.plan.static is None or os.path.isdir(options.plan.static)
        else:
            (maker,) = (each for each in getPlugins(IServiceMaker) if each.tapname == name)
            maker.options().parseOptions(words)

    def _nginx(self, code: str, page: str) -> None:
        """Check that these are lines of the example: it is tested behind a real nginx."""
        example = (Path(ROOT) / "examples" / "nginx.conf").read_text(encoding="utf-8")
        known = {line.strip() for line in example.splitlines()}
        for line in (line.strip() for line in code.splitlines()):
            assert line in known or re.match(r"server 127\.0\.0\.1:\d+;|listen |ssl_", line), line

    def _haproxy(self, code: str, page: str) -> None:
        """Check the same for the other example."""
        example = (Path(ROOT) / "examples" / "haproxy.cfg").read_text(encoding="utf-8")
        known = {re.sub(r"\d+", "0", line.strip()) for line in example.splitlines()}
        for line in code.splitlines():
            assert re.sub(r"\d+", "0", line.strip()) in known, line

    def _checked_elsewhere(self, code: str, page: str) -> None:
        """Leave it to the tests of its page."""

    _diff = _text = _html = _js = _yaml = _checked_elsewhere
