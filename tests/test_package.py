"""The package as a whole: its layers, its public names, and what importing it does."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys

import pytest

import txsockjs

PACKAGE = pathlib.Path(txsockjs.__file__).parent

# From the bottom to the top: a module imports from the lines above its own only.
LAYERS = [
    ["awaiting", "errors", "pace", "stats", "timeouts"],
    [
        *("kinds", "limits", "proto", "conn", "clock", "deadlines", "periodic", "actor"),
        *("producing", "sockopts", "sessioncontainer"),
    ],
    ["settings", "takeover", "shortcuts", "head"],
    ["exchange"],
    ["headers", "interfaces", "direct"],
    ["clients", "application"],
    ["session", "static", "resources"],
    ["front", "webchannel"],
    ["site"],
    ["channel"],
    ["transports", "transports.frames", "transports.handshake"],
    ["transports.base", "transports.careful", "transports.lane", "transports.senders"],
    ["transports.sockets"],
    [
        "transports.xhr",
        "transports.eventsource",
        "transports.htmlfile",
        "transports.jsonp",
        "transports.websocket",
    ],
    ["transports.rawwebsocket"],
    ["urls"],
    ["router"],
]
# Built on what is public: txsockjs itself, the router, channels, settings, errors, frames, timers,
# clocks and deadlines, and each other.
TOP = [
    "config",
    "demo",
    "endpoints",
    "factory",
    "gateway",
    "legacy",
    "migrate",
    "mount",
    "multiplex",
    "options",
    "ports",
    "resource",
    "root",
    "service",
    "serving",
    "testing",
    "testing.client",
    "testing.http",
    "testing.network",
    "testing.websocket",
    "transport",
    "utils",
]


def modules() -> dict[str, pathlib.Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix(".__init__") if name != "__init__" else ""] = path
    return found


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


def test_every_module_has_its_layer() -> None:
    listed = [name for layer in LAYERS for name in layer] + TOP
    assert sorted(listed) == sorted(name for name in modules() if name)


def test_modules_import_from_lower_layers_only() -> None:
    below: set[str] = set()
    for layer in LAYERS:
        for name in layer:
            assert imported(name, modules()[name]) <= below, name
        below |= set(layer)


def test_the_top_is_built_on_what_is_public() -> None:
    public = {
        *("", "channel", "clock", "conn", "deadlines", "errors", "kinds", "periodic", "proto"),
        *("router", "settings", "site", "stats", *TOP),
    }
    for name in TOP:
        assert imported(name, modules()[name]) <= public, name


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
