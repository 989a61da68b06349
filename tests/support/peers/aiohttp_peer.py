"""sockjs of aio-libs for `txsockjs.client`: ``/echo`` echoes, and closes when it is told to."""

import asyncio

from aiohttp import web
from sockjs import MsgType, add_endpoint


async def echo(manager, session, message):
    if message.type == MsgType.MESSAGE:
        word, _, rest = message.data.partition(":")
        if word == "close":
            session.close(int(rest), "as told")
        else:
            session.send(message.data)


async def main():
    # Its default admits no message of a mebibyte, which is more as JSON.
    app = web.Application(client_max_size=4 * 1024 * 1024)
    add_endpoint(app, echo, name="echo", prefix="/echo")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
