"""What makes the tests fast, and changes nothing that they see."""

from __future__ import annotations

import gc
from typing import Any, Callable

import hypothesis
from werkzeug.routing import Rule

#: How many examples `make unit` tries of a property; all others run as many as are asked for.
FEW = 20


def examples(full: int) -> int:
    """Return how many examples to try of what a full run tries ``full`` times."""
    return max(1, full * hypothesis.settings.default.max_examples // 100)


def remember_builders() -> None:
    """Compile the code that builds a URL of a rule once, and not for each router.

    Each router has fourteen rules, and compiling that code was most of the time of making one: half
    the time of all unit tests. It is a function of the rule's text, and is given the rule.
    """
    compile_builder: Any = getattr(Rule, "_compile_builder", None)
    if compile_builder is None:
        return  # a Werkzeug that does it in another way
    known: dict[Any, Callable[..., Any]] = {}

    def remembered(rule: Any, append_unknown: bool = True) -> Callable[..., Any]:
        if rule.defaults:
            made: Callable[..., Any] = compile_builder(rule, append_unknown)
            return made
        key = (rule.rule, tuple(rule._trace), append_unknown)
        if key not in known:
            known[key] = compile_builder(rule, append_unknown)
        return known[key]

    Rule._compile_builder = remembered


def freeze() -> None:
    """Leave what there is now, modules and tests, out of the garbage collections of tests."""
    gc.collect()
    if hasattr(gc, "freeze"):  # PyPy has none
        gc.freeze()
