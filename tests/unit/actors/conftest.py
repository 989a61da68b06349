"""Fixtures of several test modules."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import LogLevel, globalLogPublisher


@pytest.fixture
def logged() -> Any:
    """The failures that are logged at level critical, with the text of their event."""
    events: list[Any] = []

    def observe(event: Any) -> None:
        if event["log_level"] is LogLevel.critical:
            events.append(event)

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)
