"""`check_metrics`: what Prometheus's own program has to say about metrics; `full_name` of one."""

from __future__ import annotations

import subprocess

from txsockjs.admin.families import COUNTER, INFO, Family

from .needed import program


def check_metrics(body: bytes) -> None:
    """Fail if ``promtool check metrics`` finds an error in them, or a name that breaks a rule."""
    done = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=body,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.decode()) == (0, "")


def full_name(family: Family) -> str:
    """Return the name under which Prometheus keeps a metric."""
    return family.name + {COUNTER: "_total", INFO: "_info"}.get(family.kind, "")
