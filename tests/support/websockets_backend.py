"""A server of the library websockets that knows nothing of SockJS: as ``ws_backend.js``."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from websockets.asyncio.server import serve


async def echo(socket: Any) -> None:
    async for message in socket:
        word, _, rest = message.partition(":") if isinstance(message, str) else ("", "", "")
        if word == "close":
            await socket.close(int(rest), "as told")
        elif word == "drop":
            socket.transport.abort()
        elif word == "who":
            headers = socket.request.headers
            told = {
                "url": socket.request.path,
                "origin": headers.get("Origin"),
                "cookie": headers.get("Cookie"),
                "address": headers.get("X-Forwarded-For"),
            }
            await socket.send(json.dumps({name: value for name, value in told.items() if value}))
        else:
            await socket.send(message)


async def main() -> None:
    async with serve(echo, "127.0.0.1", 0, max_size=2**22) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on ws://127.0.0.1:{port}", flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
