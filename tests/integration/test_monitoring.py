"""The dashboard and the alerts: they ask for what a server tells, and each alert fires in time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ..support.docs import DOCS, found
from ..support.needed import program
from ..support.raw import get
from ..support.running import ROOT, running
from ..support.waiting import wait_until

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
EXAMPLES = Path(ROOT, "examples")
RULES = yaml.safe_load((EXAMPLES / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((EXAMPLES / "grafana.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# What Prometheus adds to each series.
SCRAPED = {"job", "instance"}
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "5m", "$job": "sockjs", "$instance": ".*", "$mount": ".*"}


def queries() -> list[str]:
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    asked += [each["expr"] for each in DASHBOARD["annotations"]["list"]]
    for name, value in VARIABLES.items():
        asked = [query.replace(name, value) for query in asked]
    return asked


def promtool(*words: str | Path) -> None:
    done = subprocess.run(
        [program("promtool"), *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


# -- names


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, list[dict[str, str]]]]:
    """Give the labels of each sample that two workers, which have a bus, tell."""
    where = "tcp:0:interface=127.0.0.1"
    words = ["sockjs", "--app", "echo.Echo", "--listen", where, "--admin", where, "--workers", "2"]
    samples: dict[str, list[dict[str, str]]] = defaultdict(list)
    with running(TWISTD, "-n", "--pidfile=", *words, cwd=str(EXAMPLES)) as server:
        at = wait_until(lambda: re.search(r"admin at (http://[\d.]+:\d+)", server.output), server)

        def of_both() -> list[Any] | None:
            """Return what is told once neither worker is away, or too busy to tell."""
            found = list(text_string_to_metric_families(get(f"{at[1]}/metrics").decode()))
            up = [s.value for each in found for s in each.samples if "worker_up" in s.name]
            return found if up == [1, 1] else None

        for family in wait_until(of_both, server):
            for sample in family.samples:
                samples[sample.name].append(sample.labels)
        # Prometheus's own, of each target.
        samples["up"].append({})
        yield samples


SELECTOR = re.compile(r"\b([a-z_]+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)(=~|!~|=|!=)"([^"]*)"')


@pytest.mark.parametrize("query", [*queries(), *(rule["expr"] for rule in RULES)])
def test_what_is_asked_for_is_told(told: dict[str, list[dict[str, str]]], query: str) -> None:
    selectors = SELECTOR.findall(query)
    assert selectors
    # Each name stands before its labels, so that none is missed here.
    assert len(re.findall(r"\b(?:txsockjs|process)_\w+", query)) <= len(selectors)
    labels = {"le", *SCRAPED}
    for name, matchers in selectors:
        assert name in told, name
        (names,) = {frozenset(each) for each in told[name]}
        labels |= names
        for label, kind, value in MATCHER.findall(matchers):
            assert label in names | SCRAPED, (name, label)
            if kind == "=" and label not in SCRAPED:
                assert value in {each[label] for each in told[name]}, (name, label, value)
    for grouped in re.findall(r"\bby \(([^)]*)\)", query):
        assert set(grouped.split(", ")) <= labels, query


def test_legends_name_labels_that_are_left() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            grouped = re.findall(r"\bby \(([^)]*)\)", target["expr"])
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert not grouped or label in grouped[0].split(", "), target


def test_variables_are_those_of_the_dashboard() -> None:
    text = json.dumps([DASHBOARD["panels"], DASHBOARD["annotations"]])
    used = set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval"}
    assert used == {each["name"] for each in DASHBOARD["templating"]["list"]}


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


# -- what Prometheus's own program says


def test_prometheus_reads_the_queries(tmp_path: Path) -> None:
    recorded = [{"record": f"panel:{n}", "expr": query} for n, query in enumerate(queries())]
    rules = tmp_path / "panels.yaml"
    rules.write_text(json.dumps({"groups": [{"name": "panels", "rules": recorded}]}))
    promtool("check", "rules", rules)
    promtool("check", "rules", EXAMPLES / "alerts.yaml")


def test_prometheus_reads_the_configurations_of_the_page(tmp_path: Path) -> None:
    blocks = [code for language, code in found("howto/monitor.md") if language == "yaml"]
    assert len(blocks) == 2
    for code in blocks:
        config = yaml.safe_load(code)
        (job,) = config["scrape_configs"]
        assert job["job_name"] == "sockjs"
        # Debian's Prometheus is built without Kubernetes.
        pods = job.pop("kubernetes_sd_configs", None)
        assert pods in (None, [{"role": "pod"}])
        path = tmp_path / "prometheus.yml"
        path.write_text(yaml.safe_dump(config))
        promtool("check", "config", "--syntax-only", path)


def test_the_page_says_what_to_do_about_each_alert() -> None:
    page = (DOCS / "howto" / "monitor.md").read_text("utf-8")
    rows = re.findall(r"^\| `(SockJS\w+)` \| ", page, re.MULTILINE)
    assert rows == [rule["alert"] for rule in RULES]


# For each alert: series, a minute at which all is well yet, and one at which it must fire.
ON = 'job="sockjs",instance="a"'
AT = f'{ON},mount="/chat"'
CASES: dict[str, tuple[dict[str, str], int, int]] = {
    "SockJSDown": ({f"up{{{ON}}}": "1x4 0x20"}, 4, 8),
    "SockJSWorkerSilent": ({f'txsockjs_worker_up{{{ON},worker="1"}}': "1x4 0x20"}, 4, 8),
    "SockJSReactorLate": (
        {
            f'txsockjs_reactor_delay_seconds_bucket{{{ON},le="0.25"}}': "0+240x10 2400x20",
            f'txsockjs_reactor_delay_seconds_bucket{{{ON},le="1.0"}}': "0+240x30",
            f'txsockjs_reactor_delay_seconds_bucket{{{ON},le="+Inf"}}': "0+240x30",
        },
        10,
        25,
    ),
    "SockJSSessionsHalved": (
        {f'txsockjs_sessions_open{{{AT},transport="websocket"}}': "1000x20 400x5"},
        20,
        22,
    ),
    "SockJSDescriptorsShort": (
        {f"process_open_fds{{{ON}}}": "100x5 900x20", f"process_max_fds{{{ON}}}": "1000x30"},
        5,
        15,
    ),
    "SockJSFull": ({f'txsockjs_refusals_total{{{AT},cause="sessions"}}': "0x5 0+60x20"}, 5, 15),
    "SockJSBusDown": ({f"txsockjs_bus_up{{{ON}}}": "1x5 0x10"}, 5, 8),
    "SockJSErrors": (
        {f'txsockjs_sessions_ended_total{{{AT},transport="xhr",cause="error"}}': "0x5 0+10x20"},
        5,
        15,
    ),
    "SockJSApplicationSlow": (
        {
            f"txsockjs_mailbox_bytes_gcount{{{AT}}}": "10x20",
            f'txsockjs_mailbox_bytes_bucket{{{AT},le="262144.0"}}': "10x5 8x20",
        },
        5,
        12,
    ),
    "SockJSClientsSlow": (
        {f'txsockjs_sessions_ended_total{{{AT},transport="xhr",cause="slow"}}': "0x5 0+10x20"},
        5,
        15,
    ),
    "SockJSSessionsUnknown": (
        {
            f'txsockjs_refusals_total{{{AT},cause="session"}}': "0x5 0+300x30",
            f'txsockjs_sessions_opened_total{{{AT},transport="xhr"}}': "0+60x40",
        },
        5,
        20,
    ),
    "SockJSRefusals": ({f'txsockjs_refusals_total{{{AT},cause="origin"}}': "0x5 0+600x20"}, 5, 15),
    "SockJSRoomsMissed": ({f"txsockjs_bus_gaps_total{{{ON}}}": "0x5 1x20"}, 5, 7),
}


def test_each_alert_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    assert list(CASES) == [rule["alert"] for rule in RULES]

    def firing(name: str, minute: int, labels: list[Any]) -> dict[str, Any]:
        expr = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
        return {"expr": expr, "eval_time": f"{minute}m", "exp_samples": labels}

    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": text} for name, text in series.items()],
            "promql_expr_test": [
                firing(alert, well, []),
                firing(alert, ill, [{"labels": "{}", "value": 1}]),
            ],
        }
        for alert, (series, well, ill) in CASES.items()
    ]
    file = tmp_path / "tests.yaml"
    rules = str(EXAMPLES / "alerts.yaml")
    file.write_text(
        json.dumps({"rule_files": [rules], "evaluation_interval": "1m", "tests": tests})
    )
    promtool("test", "rules", file)
