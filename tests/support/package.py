"""The modules of the package, for tests of the package as a whole."""

from __future__ import annotations

import ast
import functools
import pathlib

import txsockjs

PACKAGE = pathlib.Path(txsockjs.__file__).parent


@functools.cache
def modules() -> dict[str, pathlib.Path]:
    """Return the file of each module, by its name below the package."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix(".__init__") if name != "__init__" else ""] = path
    return found


@functools.cache
def tree(path: pathlib.Path) -> ast.Module:
    """Return the syntax tree of a module, which is parsed once."""
    return ast.parse(path.read_text())
