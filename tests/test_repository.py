"""What stands around the package: files that other programs read, where a mistake shows late."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .support.running import ROOT

HERE = Path(ROOT)
TARGETS = set(re.findall(r"^([a-z]+):", (HERE / "Makefile").read_text(), re.MULTILINE))
GUIDES = ["CONTRIBUTING.md", "SECURITY.md", "changes/README.md", "tests/README.md"]
FORMS = sorted((HERE / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def read(path: str) -> Any:
    return yaml.safe_load((HERE / path).read_text(encoding="utf-8"))


def text(path: str) -> str:
    return (HERE / path).read_text(encoding="utf-8")


def commands(job: Any) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_the_workflow_runs_what_must_pass_and_what_comes() -> None:
    jobs = read(".github/workflows/ci.yml")["jobs"]
    assert commands(jobs["everything"])[-1] == ".ci/run"
    assert any("macos" in row["os"] for row in jobs["unit"]["strategy"]["matrix"]["include"])
    assert any("pypy" in row["python"] for row in jobs["unit"]["strategy"]["matrix"]["include"])
    assert [name for name, job in jobs.items() if job.get("continue-on-error")] == ["trunk"]


def test_whatever_is_called_is_there() -> None:
    jobs = read(".github/workflows/ci.yml")["jobs"].values()
    called = "\n".join(
        [
            text(".ci/run"),
            *(command for job in jobs for command in commands(job)),
            *re.findall(r"`(make [^`]*)`", "".join(map(text, GUIDES))),
            *re.findall(r"^make \w+", text("CONTRIBUTING.md"), re.MULTILINE),
        ]
    )
    assert {"unit", "test", "lint"} <= set(re.findall(r"\bmake ([a-z]+)", called)) <= TARGETS
    programs = re.findall(r"(?<![\w/])\.ci/[\w.]+\w", called)
    assert {".ci/run", ".ci/tools", ".ci/demo.py"} <= set(programs)
    assert all((HERE / program).exists() for program in programs)


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_names_only_files_that_are_there(guide: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", text(guide))
    for link in links:
        assert (HERE / guide).parent.joinpath(link).exists(), link
    paths = re.findall(r"`((?:txsockjs|docs|tests|changes)/[\w./]*)`", text(guide))
    for path in paths:
        assert (HERE / path).exists(), path


def test_the_hooks_are_the_linters_of_make_lint() -> None:
    def bare(command: str) -> str:
        return re.sub(r" (--\S+|\.)", "", command.replace("$(BIN)", ".venv/bin").strip())

    (local,) = read(".pre-commit-config.yaml")["repos"]
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", text("Makefile"), re.MULTILINE)
    assert recipe is not None
    linters = [bare(line) for line in recipe[1].splitlines()]
    assert [bare(hook["entry"]) for hook in local["hooks"]] == linters


def test_read_the_docs_builds_what_make_docs_builds() -> None:
    config = read(".readthedocs.yaml")
    assert (HERE / config["sphinx"]["configuration"]).exists()
    (install,) = config["python"]["install"]
    (extra,) = install["extra_requirements"]
    assert re.search(rf"^{extra} = \[$", text("pyproject.toml"), re.MULTILINE)


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_asks_for_each_thing_once(form: Path) -> None:
    asked = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert asked["name"] and asked["description"]
    fields = [field for field in asked["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields) > 0
    assert all(field["attributes"]["label"] for field in fields)


def test_fragments_of_changes_are_of_a_known_kind() -> None:
    kinds = set(re.findall(r'directory = "(\w+)", name', text("pyproject.toml")))
    for path in (HERE / "changes").iterdir():
        assert path.name == "README.md" or path.name.split(".")[1] in kinds, path.name
    assert kinds == set(re.findall(r"^\| `(\w+)` \|", text("changes/README.md"), re.MULTILINE))


def test_what_is_to_be_released_has_one_section() -> None:
    begun = re.search(r"^## .*, not yet released$", text("CHANGELOG.md"), re.MULTILINE)
    fragments = {path.name for path in (HERE / "changes").iterdir()} - {"README.md"}
    assert begun is None or not fragments


def test_pages_agree_about_the_systems() -> None:
    said = "tested on Linux, and should run on macOS, where CI runs the unit tests."
    for page in ("README.md", "docs/index.md"):
        assert said in " ".join(text(page).split()), page


def test_fragments_become_a_section_of_the_changelog(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "CHANGELOG.md"):
        (tmp_path / name).write_text(text(name), encoding="utf-8")
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes" / "+tea.feature.md").write_text("It makes tea.\n")
    command = [sys.executable, "-m", "towncrier", "build", "--keep"]
    dated = ["--version", "3.0.0", "--date", "2030-01-02"]
    subprocess.run([*command, *dated], cwd=tmp_path, check=True, capture_output=True)
    changed = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    head, _, rest = changed.partition("## 3.0.0, 2030-01-02\n\n### New\n\n- It makes tea.\n")
    assert head + rest.lstrip("\n") == text("CHANGELOG.md")


def test_only_programs_that_tests_need_are_installed() -> None:
    def tools(*names: str) -> subprocess.CompletedProcess[str]:
        command = ["/bin/sh", str(HERE / ".ci" / "tools"), *names]
        # No apt-get is found there, so nothing is installed.
        return subprocess.run(
            command, env={"PATH": "/none"}, capture_output=True, text=True, check=False
        )

    assert (tools().returncode, tools().stdout) == (0, "")
    assert tools("tea").returncode == 2
