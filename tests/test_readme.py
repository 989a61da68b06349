"""What the README says: its table is the settings', its code runs, its files are there."""

from __future__ import annotations

import ast
import dataclasses
import os
import re
from typing import Any

import pytest
from twisted.internet.task import Clock

from txsockjs import Settings, SockJSConnection, SockJSRouter
from txsockjs.config import Plan
from txsockjs.options import Options
from txsockjs.stats import StatsCollector

from .memory import Connection
from .running import ROOT

with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
    README = file.read()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_table_of_settings_is_that_of_the_code() -> None:
    section = README.partition("## Settings")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| `(.+?)` \|", section, re.MULTILINE))
    assert list(told) == [field.name for field in dataclasses.fields(Settings)]
    for name, default in told.items():
        value = ast.literal_eval(default)
        assert getattr(Settings(**{name: value}), name) == getattr(Settings(), name), name


def test_every_setting_is_an_option_as_it_says() -> None:
    options = Options()
    options.parseOptions(["--heartbeat-delay", "20"])
    assert options.plan.settings == {"heartbeat_delay": 20.0}


def test_the_counters_are_those_of_the_code() -> None:
    for name in StatsCollector(Clock()).dump():
        assert f"`{name}`" in README or name.startswith("transp_"), name


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.split("\n", 1)[0])
def test_its_python_runs(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def chat() -> type[SockJSConnection]:
    names: dict[str, Any] = {"__name__": "chat"}
    exec(compile(blocks("python")[0], "README.md", "exec"), names)
    return names["Chat"]  # type: ignore[no-any-return]


def test_the_ten_lines_are_a_chat() -> None:
    code = [line for line in blocks("python")[0].splitlines() if line.strip()]
    assert len(code) <= 12
    clock = Clock()
    router = SockJSRouter(chat(), "/chat", reactor=clock)
    resource = router.resource()
    ann = Connection(resource, clock).upgrade("/chat/000/ann/websocket")
    bob = Connection(resource, clock).upgrade("/chat/000/bob/websocket")
    ann.say(b'["hello"]')
    for person in (ann, bob):
        assert person.received.endswith(b'\x81\x0aa["hello"]')
    ann.vanish()
    clock.advance(0)
    bob.say(b'["anyone?"]')
    assert bob.received.endswith(b'a["anyone?"]')
    bob.vanish()
    router.close()
    clock.advance(30)
    assert clock.getDelayedCalls() == []


def test_its_file_of_settings_is_one(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sockjs.toml").write_text(blocks("toml")[0])
    (tmp_path / "public").mkdir()
    (tmp_path / "chat.py").write_text(blocks("python")[0])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    plan = Plan.read(str(tmp_path / "sockjs.toml"))
    assert plan.listen == ["tcp:8080:interface=127.0.0.1", "unix:/run/sockjs.sock"]
    assert [mount.prefix for mount in plan.mounts] == ["/chat"]


def test_its_proxy_snippets_are_in_the_tested_file() -> None:
    with open(os.path.join(ROOT, "examples", "nginx.conf"), encoding="utf-8") as file:
        tested = {line.strip() for line in file}
    for block in blocks("nginx"):
        for line in block.splitlines():
            known = line.strip() in tested
            assert known or line.startswith(("location", "    proxy_pass")), line


def test_what_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert os.path.exists(os.path.join(ROOT, target)), target
