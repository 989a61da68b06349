"""The package as a whole: its layers, its public names, and what importing it does."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import pathlib
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from types import FunctionType

import pytest
from zope.interface import implementedBy

import txsockjs

from .support.package import PACKAGE, modules, tree
from .support.running import ROOT

UNIT = pathlib.Path(ROOT) / "tests" / "unit"

# From the ground up: a file or folder of the package imports only what stands before it, and of
# those that stand beside each other none imports the other.
ROOMS = [
    *("errors", "_kinds", "stats", "wire", "settings"),
    *("actors", "http", "server", "cluster", "transports"),
    *("clock", "site", "router", "migrate"),
    *("client", "script", "protocols", "admin", "utils"),
    *("factory", "endpoints", "multiplex", "resume"),
    *("service", "testing", "cli", "__main__", "tornado"),
]
BESIDE = {"cluster", "transports"}

# Where the tests of a module are that nothing but a real Redis can run.
IN_REDIS = {"cluster.redis.scripts": "cluster/test_scripts.py"}

# How often annotations may say `Any`: for a reactor (docs/decisions.md), for JSON, for what Twisted
# does not annotate. Lower it when there are fewer.
MOST_ANY = 445


def room(name: str) -> str:
    return name.partition(".")[0]


@functools.cache
def imported(name: str, path: pathlib.Path) -> set[str]:
    """The modules of this package that a module imports, TYPE_CHECKING or not."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    package = [part for part in package if part]
    found: set[str] = set()
    known = modules()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("txsockjs") for alias in node.names), name
        if not isinstance(node, ast.ImportFrom) or node.level == 0:
            assert not isinstance(node, ast.ImportFrom) or "txsockjs" not in (node.module or "")
            continue
        base = package[: len(package) - node.level + 1]
        target = ".".join(base + ([node.module] if node.module else []))
        for alias in node.names:
            inner = f"{target}.{alias.name}" if target else alias.name
            found.add(inner if inner in known else target)
    return found


def test_every_room_imports_only_what_stands_below_it() -> None:
    for name, path in modules().items():
        below = set(ROOMS[: ROOMS.index(room(name))] if name else ROOMS)
        if room(name) in BESIDE:
            below -= BESIDE
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


def test_the_list_of_rooms_for_contributors_goes_from_top_to_bottom() -> None:
    page = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    listed = page.split("From top to bottom")[1].split("\n\n")[1]
    named = [word.strip("/") for word in re.findall(r"`([a-z_]+/?)`", listed)]
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} <= {*named}
    lines = [re.findall(r"`([a-z_]+)/?`", line) for line in re.split(r"[;.]\s", listed)]
    order = [[ROOMS.index(each) for each in line] for line in lines if line]
    assert all(min(upper) > max(lower) for upper, lower in zip(order, order[1:])), lines


def test_no_module_has_more_than_300_lines() -> None:
    long = {n for n, path in modules().items() if len(path.read_text().splitlines()) > 300}
    assert not long


def test_any_becomes_no_more_common() -> None:
    nodes = (node for path in modules().values() for node in ast.walk(tree(path)))
    assert sum(isinstance(node, ast.Name) and node.id == "Any" for node in nodes) <= MOST_ANY


def test_no_class_has_more_than_25_methods_but_those_of_twisteds_interfaces() -> None:
    for name in modules():
        module = importlib.import_module(f"txsockjs.{name}".rstrip("."))
        for cls in vars(module).values():
            if not isinstance(cls, type) or cls.__module__ != module.__name__:
                continue
            interfaces = [each for each in implementedBy(cls) if "twisted" in each.__module__]
            asked = {method for each in interfaces for method in each.names(all=True)}
            own = [
                method
                for method, value in vars(cls).items()
                if isinstance(value, (FunctionType, property, classmethod, staticmethod))
                and method not in asked
                # A dataclass makes these.
                and not (dataclasses.is_dataclass(cls) and method.startswith("__"))
            ]
            assert len(own) <= 25, f"{cls}: {own}"


def test_every_module_has_its_test_module() -> None:
    for name, path in modules().items():
        *folders, module = name.split(".")
        tests = UNIT.joinpath(*folders, f"test_{module.strip('_')}.py")
        if name in IN_REDIS:
            tests = UNIT.parent / "integration" / IN_REDIS[name]
        if path.name != "__init__.py":
            assert tests.exists(), f"{name} has no {tests.relative_to(ROOT)}"


def test_one_module_knows_klein() -> None:
    knowing = [name for name, path in modules().items() if "\nfrom klein" in path.read_text()]
    assert knowing == ["server.routes"]


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
