"""The package as a whole: its layers, its public names, and what importing it does."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

import txsockjs

PACKAGE = pathlib.Path(txsockjs.__file__).parent

# From the ground up: a file or folder of the package imports only what stands before it.
ROOMS = [
    *("errors", "_kinds", "stats", "wire", "settings"),
    *("actors", "http", "server", "transports"),
    *("clock", "site", "router", "migrate"),
    *("protocols", "utils", "factory", "endpoints", "multiplex"),
    *("service", "testing", "cli", "tornado"),
]


def modules() -> dict[str, pathlib.Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix(".__init__") if name != "__init__" else ""] = path
    return found


def room(name: str) -> str:
    return name.partition(".")[0]


def imported(name: str, path: pathlib.Path) -> set[str]:
    """The modules of this package that a module imports, TYPE_CHECKING or not."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    package = [part for part in package if part]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("txsockjs") for alias in node.names), name
        if not isinstance(node, ast.ImportFrom) or node.level == 0:
            assert not isinstance(node, ast.ImportFrom) or "txsockjs" not in (node.module or "")
            continue
        base = package[: len(package) - node.level + 1]
        target = ".".join(base + ([node.module] if node.module else []))
        known = modules()
        for alias in node.names:
            inner = f"{target}.{alias.name}" if target else alias.name
            found.add(inner if inner in known else target)
    return found


def test_every_room_imports_only_what_stands_below_it() -> None:
    for name, path in modules().items():
        below = ROOMS[: ROOMS.index(room(name))] if name else ROOMS
        # The root has the version, and loads the router when it is asked for.
        assert {room(each) for each in imported(name, path)} <= {"", room(name), *below}, name


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {name: imported(name, path) - {""} for name, path in modules().items() if name}
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)


def test_every_module_stands_on_the_map() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    table = page.split("## The rooms")[1].split("\n## ")[0]
    named = {word.strip("/") for word in re.findall(r"`([\w/]+)`", table)}
    for name, path in modules().items():
        module = name.split(".")[-1]
        if name and path.name != "__init__.py" and room(name) not in ("tornado", "testing"):
            assert module in named, name
    assert {room(name) for name in modules() if name} <= named


def test_only_the_router_knows_klein() -> None:
    knowing = [name for name, path in modules().items() if "from klein" in path.read_text()]
    assert knowing == ["router"]


def test_the_public_names_are_these() -> None:
    assert sorted(txsockjs.__all__) == [
        "ConnectionInfo",
        "Refused",
        "Settings",
        "SettingsError",
        "SockJSConnection",
        "SockJSError",
        "SockJSRouter",
        "__version__",
    ]
    for name in txsockjs.__all__:
        assert getattr(txsockjs, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        txsockjs.nothing  # noqa: B018


def test_importing_the_package_installs_no_reactor() -> None:
    program = (
        "import sys, txsockjs, txsockjs.actors.session, txsockjs.transports.websocket.upgrade;"
        "sys.exit('twisted.internet.reactor' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
