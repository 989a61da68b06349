"""What the nodes of the tests serve: an echo that tells where it lives, and notes what it got."""

from __future__ import annotations

import json
import os
from typing import Any

from txsockjs import SockJSConnection

#: A folder: each process appends what it was sent to a file of its own there.
NOTES = os.environ.get("SOCKJS_NOTES")


class App(SockJSConnection):
    """Echo, but for ``pid``, which is answered by this process's, and ``note ...``, noted first."""

    def on_message(self, message: Any) -> None:
        if message == "pid":
            message = str(os.getpid())
        elif message.startswith("note "):
            note(message)
        self.send(message)


def note(message: str) -> None:
    """Keep a message where it outlives the process."""
    assert NOTES is not None
    with open(os.path.join(NOTES, str(os.getpid())), "a") as file:
        file.write(message + "\n")


class Lobby(App):
    """Everybody in one room: what is sent comes to all; who may have missed some hears ``gap``."""

    async def on_open(self, info: Any) -> None:
        # Nothing that the client sends is handled before the room is listened to.
        await self.join("lobby", os.getpid())

    def on_message(self, message: Any) -> Any:
        if message == "pid":
            super().on_message(message)
        elif message == "members":
            return self.tell_members()
        else:
            self.room("lobby").send(message)

        return None

    async def tell_members(self) -> None:
        """Answer the processes of all members."""
        self.send(json.dumps(sorted(await self.room("lobby").members())))

    def on_gap(self, room: str) -> None:
        self.send("gap")


MOUNTS: dict[str, tuple[type[SockJSConnection], dict[str, Any]]] = {
    "echo": (App, {"disconnect_delay": 10.0}),
    "lobby": (Lobby, {"disconnect_delay": 10.0}),
    "brief": (App, {"disconnect_delay": 10.0, "response_limit": 2000}),
}
