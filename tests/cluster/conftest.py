"""How much of these tests is run, and the nodes that they need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.cluster_app import MOUNTS
from ..support.redis_server import redis
from ..support.ways import WAYS, Nodes, nodes, write_plan

__all__ = ["FULL", "full", "plan", "redis", "three"]

#: `make cluster` sets it: all in full.
FULL = bool(os.environ.get("SOCKJS_FULL"))

full = pytest.mark.skipif(not FULL, reason="takes long; make cluster runs it")


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plan(tmp_path_factory.mktemp("plan") / "plan.toml", MOUNTS)


@pytest.fixture(scope="module", params=WAYS)
def three(request: pytest.FixtureRequest, plan: Path) -> Iterator[Nodes]:
    """Three nodes, or workers, for tests that do no harm."""
    with nodes(plan, request.param, 3) as several:
        yield several
        assert several.live, several.output
        assert several.stop() == 0, several.output
    assert "Traceback" not in several.output, several.output
