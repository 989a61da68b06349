"""Workers without processes, for the tests of their parent."""

from __future__ import annotations

from typing import Any


class FakeChild:
    """A worker without a process."""

    def __init__(self, number: int, parent: Any, directory: Any, reactor: Any) -> None:
        self.number, self.parent = number, parent
        self.is_ready = self.was_ready = self.was_told_to_stop = False
        self.age = 0.0
        self.pid = 1
        self.killed = False
        self.heard: list[dict[str, Any]] = []
        parent.born.append(self)

    def start(self, *arguments: Any) -> None:
        pass

    def kill(self) -> None:
        self.killed = self.was_told_to_stop = True
        self.is_ready = False

    def retire(self) -> None:
        self.was_told_to_stop = True
        self.is_ready = False

    def stop(self) -> None:
        self.retire()

    def say(self, **table: Any) -> None:
        self.heard.append(table)

    # -- what its process does

    def serve(self) -> None:
        self.is_ready = self.was_ready = True
        self.parent.ready(self)

    def end(self, why: str = "it was done") -> None:
        self.is_ready = False
        self.parent.ended(self, why)
