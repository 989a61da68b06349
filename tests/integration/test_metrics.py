"""``/metrics`` of ``twistd sockjs``: of one process, of workers that come and go, of two nodes."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse

from txsockjs.admin.families import FAMILIES

from ..support.metrics import check_metrics
from ..support.raw import PATIENCE
from ..support.redis_server import redis_server
from ..support.running import ROOT, Server, running
from ..support.waiting import wait_until

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")
APP = """
import os
from twisted.internet import reactor, task
from txsockjs import SockJSConnection


class App(SockJSConnection):
    @classmethod
    async def on_start(cls, router):
        while os.path.exists("wait"):
            await task.deferLater(reactor, 0.02)

    def on_message(self, message):
        if message == "close":
            self.close()
        self.send(message)
"""
XHR = {"mount": "/chat", "transport": "xhr"}


@contextlib.contextmanager
def serving(folder: pathlib.Path, *options: str) -> Iterator[Server]:
    (folder / "some_app.py").write_text(APP)
    local = "tcp:0:interface=127.0.0.1"
    command = [TWISTD, "-n", "--pidfile=", "sockjs", "--app", "some_app.App", "--prefix", "/chat"]
    command += ["--listen", local, "--admin", local, *options]
    with running(*command, cwd=str(folder)) as server:
        wait_until(lambda: "; admin at " in server.output, server)
        yield server


def ask(url: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def urls(server: Server) -> tuple[str, str]:
    """Return the URL of the mount, and that of the admin site."""
    found = re.search(r"serving /chat .* at (\S+); admin at (\S+);", server.output)
    assert found is not None, server.output
    return f"{found[1]}/chat", found[2]


class Scrape:
    """What ``/metrics`` told at one time."""

    def __init__(self, server: Server) -> None:
        status, self.body = ask(f"{urls(server)[1]}/metrics")
        assert status == 200, self.body
        self.families = list(parse(self.body.decode()))
        self.samples = [sample for family in self.families for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        """Return the sum of all samples of a name that have these labels."""
        found = [
            s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items()
        ]
        assert found, (name, labels)
        return sum(found)

    def workers(self, name: str) -> dict[str, float]:
        """Return the sum of a metric for each worker."""
        workers = sorted({s.labels["worker"] for s in self.samples if s.name == name})
        return {worker: self.sum(name, worker=worker) for worker in workers}


def poll(url: str, session: str) -> tuple[int, bytes]:
    return ask(f"{url}/000/{session}/xhr", b"")


def send(url: str, session: str, message: str) -> None:
    assert ask(f"{url}/000/{session}/xhr_send", f'["{message}"]'.encode())[0] == 204


def test_a_scrape_tells_what_happened_and_nothing_is_wrong_with_it(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path) as server:
        url, admin = urls(server)
        for session in ("one", "two"):
            assert poll(url, session) == (200, b"o\n")
        send(url, "one", "hello")
        assert poll(url, "one") == (200, b'a["hello"]\n')
        send(url, "two", "close")
        assert poll(url, "two") == (200, b'c[3000,"Go away!"]\n')
        assert ask(f"{url}/000/nobody/xhr_send", b'["x"]')[0] == 404
        scrape = Scrape(server)
        assert scrape.sum("txsockjs_sessions_opened_total", **XHR) == 2
        assert scrape.sum("txsockjs_sessions_open", **XHR) == 1
        assert scrape.sum("txsockjs_sessions_ended_total", cause="application", **XHR) == 1
        assert scrape.sum("txsockjs_messages_received_total", **XHR) == 2
        assert scrape.sum("txsockjs_received_bytes_total", **XHR) == 10
        assert scrape.sum("txsockjs_messages_sent_total", **XHR) == 1
        assert scrape.sum("txsockjs_frames_sent_total", **XHR) == 1
        assert scrape.sum("txsockjs_refusals_total", mount="/chat", cause="session") == 1
        assert scrape.sum("process_open_fds") > 3
        check_metrics(scrape.body)
        # What only grows never shrinks.
        assert wait_until(
            lambda: Scrape(server).sum("txsockjs_reactor_delay_seconds_count") > 1, server
        )
        later = Scrape(server)
        for family in scrape.families:
            if family.type == "counter":
                for name in {sample.name for sample in family.samples}:
                    assert later.sum(name) >= scrape.sum(name)
        open_metrics = "application/openmetrics-text; version=1.0.0"
        _, body = ask(f"{admin}/metrics", Accept=open_metrics)
        assert "txsockjs_mailbox_bytes" in {family.name for family in parse_open(body.decode())}


def test_the_page_names_what_is_told_and_nothing_else(tmp_path: pathlib.Path) -> None:
    page = (pathlib.Path(ROOT) / "docs" / "metrics.md").read_text()
    named = {
        name: (help, {label.strip(" `") for label in labels.split(",")} - {"-"})
        for name, labels, help in re.findall(
            r"^\| `(\w+)` \| \w+ \| (.*?) \| (.*?) \|$", page, re.M
        )
    }
    with redis_server() as redis, serving(tmp_path, "--cluster", redis.url) as server:
        url, _ = urls(server)
        wait_until(lambda: Scrape(server).sum("txsockjs_bus_up"), server)
        poll(url, "one")
        scrape = Scrape(server)
        check_metrics(scrape.body)
    told = {}
    for family in scrape.families:
        # In Prometheus's own format a gauge histogram brings two gauges.
        if not family.name.endswith(("_gcount", "_gsum")):
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            told[name] = (family.documentation, labels)
    assert told == named
    assert len(told) == len(FAMILIES)


def pids(server: Server) -> dict[str, int]:
    """Return the process of each worker."""
    found = re.findall(r"worker (\d+) serves, as process (\d+)", server.output)
    return {number: int(pid) for number, pid in found}


def test_the_parent_tells_of_each_worker_and_of_one_that_was_started_again(
    tmp_path: pathlib.Path,
) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        url, _ = urls(server)
        wait_until(lambda: len(pids(server)) == 2, server)
        # Each connection comes to either.
        opened = 0
        while True:
            poll(url, f"s{opened}")
            opened += 1
            before = Scrape(server)
            if all(before.workers("txsockjs_sessions_opened_total").values()):
                break
            assert opened < 200
        assert before.sum("txsockjs_sessions_opened_total", **XHR) == opened
        assert before.workers("txsockjs_worker_up") == {"1": 1, "2": 1}
        assert before.workers("txsockjs_bus_nodes") == {"1": 2, "2": 2}
        assert all(before.workers("process_resident_memory_bytes").values())
        check_metrics(before.body)
        first = pids(server)["1"]
        # Its successor waits, or a slow test would miss that there is none.
        (tmp_path / "wait").touch()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: Scrape(server).workers("txsockjs_worker_up")["1"] == 0, server)
        (tmp_path / "wait").unlink()
        wait_until(lambda: Scrape(server).workers("txsockjs_worker_up")["1"] == 1, server)
        after = Scrape(server)
        kept = before.workers("txsockjs_sessions_opened_total")
        # As after any start of a process, which rate() knows.
        assert after.workers("txsockjs_sessions_opened_total") == {"1": 0, "2": kept["2"]}
        began = "process_start_time_seconds"
        assert after.workers(began)["1"] > before.workers(began)["1"]
        assert after.workers(began)["2"] == before.workers(began)["2"]


def test_a_worker_that_is_replaced_is_told_of_until_its_end(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path, "--workers", "2", "--drain", "3600") as server:
        url, _ = urls(server)
        wait_until(lambda: len(pids(server)) == 2, server)
        opened = 0
        while not Scrape(server).sum("txsockjs_sessions_opened_total", worker="1"):
            poll(url, f"s{opened}")
            opened += 1
            assert opened < 200
        before = Scrape(server)
        os.kill(server.pid, signal.SIGHUP)
        up = wait_until(
            lambda: next(
                (
                    up
                    for up in [Scrape(server).workers("txsockjs_worker_up")]
                    if up.get("1-leaving") == 1
                ),
                None,
            ),
            server,
        )
        assert up == {"1": 1, "1-leaving": 1, "2": 1}
        during = Scrape(server)
        opened_by = during.workers("txsockjs_sessions_opened_total")
        assert opened_by["1-leaving"] == before.sum("txsockjs_sessions_opened_total", worker="1")
        assert during.sum("txsockjs_sessions_opened_total") == opened
        check_metrics(during.body)
        # A second signal ends a drain at once.
        os.kill(server.pid, signal.SIGTERM)
        wait_until(lambda: "received SIGTERM" in server.output, server)
        os.kill(server.pid, signal.SIGTERM)


def test_nodes_tell_what_they_relay_and_whether_their_broker_is_there(
    tmp_path: pathlib.Path,
) -> None:
    with redis_server() as redis, contextlib.ExitStack() as stack:
        first, second = (
            stack.enter_context(serving(tmp_path, "--cluster", redis.url)) for _ in range(2)
        )
        servers = (first, second)
        wait_until(
            lambda: [Scrape(each).sum("txsockjs_bus_nodes") for each in servers] == [2, 2], *servers
        )
        assert poll(urls(first)[0], "abc") == (200, b"o\n")
        send(urls(second)[0], "abc", "hello")
        assert poll(urls(second)[0], "abc") == (200, b'a["hello"]\n')
        one, other = (Scrape(each) for each in servers)
        assert one.sum("txsockjs_requests_served_total") == 2
        assert other.sum("txsockjs_requests_relayed_total") == 2
        assert one.sum("txsockjs_claims_held") == one.sum("txsockjs_claims_made_total") == 1
        assert one.sum("txsockjs_messages_received_total", **XHR) == 1
        assert other.sum("txsockjs_sessions_open", **XHR) == 0
        assert one.sum("txsockjs_bus_up") == other.sum("txsockjs_bus_up") == 1
        redis.end()
        wait_until(lambda: Scrape(first).sum("txsockjs_bus_up") == 0, first)
