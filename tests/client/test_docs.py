"""The documentation in Chromium: no table is wider than its page, from phones to large screens."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..support.docs import DOCS, PAGES
from ..support.needed import lacking, program
from ..support.playing import HERE, node
from .test_chromium import BROWSERS

WIDTHS = [360, 1280, 1920]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("sphinx", "furo", "myst_parser"):
        if importlib.util.find_spec(module) is None:
            lacking(f"{module} is not installed (make docs does it)")
    folder = tmp_path_factory.mktemp("docs")
    where = [str(DOCS), str(folder / "html"), "-d", str(folder / "doctrees")]
    subprocess.run([sys.executable, "-m", "sphinx", "-q", "-b", "html", *where], check=True)
    return folder / "html"


@pytest.fixture(scope="module")
def measured(built: Path) -> dict[str, dict[str, Any]]:
    pages = {str(page.relative_to(built)): page.as_uri() for page in built.rglob("*.html")}
    config = {"chromium": program(*BROWSERS), "pages": pages, "widths": WIDTHS}
    script = str(HERE / "docs_in_chromium.js")
    run = subprocess.run(
        [node(), script, json.dumps(config)], stdout=subprocess.PIPE, check=True, timeout=600
    )
    results: dict[str, dict[str, Any]] = json.loads(run.stdout)
    return results


@pytest.mark.parametrize("width", WIDTHS)
def test_no_table_is_wider_than_its_page(measured: dict[str, dict[str, Any]], width: int) -> None:
    pages = measured[str(width)]
    assert {page.replace(".md", ".html") for page in PAGES} <= set(pages)
    assert pages["settings.html"]["tables"] > 0
    assert {page: found["wide"] for page, found in pages.items() if found["wide"]} == {}


def test_on_a_phone_each_cell_says_what_column_it_is_of(
    measured: dict[str, dict[str, Any]],
) -> None:
    said = [measured[str(width)]["settings.html"]["said"] for width in WIDTHS]
    assert said == [["default", "on the command line", "meaning"], [], []]
