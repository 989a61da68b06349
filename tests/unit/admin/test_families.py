"""The table of metrics: names by Prometheus's conventions; the page that tells of it."""

from __future__ import annotations

import pathlib
import re

import pytest

import txsockjs
from txsockjs.admin.families import FAMILIES, Family
from txsockjs.stats import CAUSES

from ...support.metrics import full_name

PACKAGE = pathlib.Path(txsockjs.__file__).parent


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_and_words_are_as_prometheus_wants_them(family: Family) -> None:
    assert re.fullmatch(r"(txsockjs|process)_[a-z_]+", family.name)
    assert not family.name.endswith(("_total", "_count", "_sum", "_bucket", "_info", "_created"))
    assert family.help.endswith(".")
    assert all(re.fullmatch(r"[a-z]+", label) for label in family.labels)
    assert not {"worker", "node", "le", "job", "instance"} & set(family.labels)


def test_a_name_is_there_once() -> None:
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)


def test_the_page_says_what_there_is() -> None:
    page = (PACKAGE.parent / "docs" / "metrics.md").read_text()
    table = page.split("## All of them")[1].split("\n\n")[1].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert rows == [
        [
            f"`{full_name(family)}`",
            family.kind,
            ", ".join(f"`{label}`" for label in family.labels) or "-",
            family.help,
        ]
        for family in FAMILIES
    ]


def test_the_page_says_why_sessions_end() -> None:
    page = (PACKAGE.parent / "docs" / "metrics.md").read_text()
    table = page.split("## Why sessions end")[1].split("\n\n")[2].splitlines()[2:]
    assert tuple(line.split("`")[1] for line in table) == CAUSES
