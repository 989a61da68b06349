"""The code blocks of the pages in ``docs``, so that tests run what readers copy."""

from __future__ import annotations

import os
import re

from .running import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    """Give the blocks of one language on a page such as ``multiplexing``, in order."""
    with open(os.path.join(ROOT, "docs", f"{page}.md"), encoding="utf-8") as file:
        found = _BLOCK.findall(file.read())
    return [code for tongue, code in found if tongue == language]
