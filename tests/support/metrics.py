"""`check_metrics`: what Prometheus's own program has to say about metrics."""

from __future__ import annotations

import subprocess

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
