"""sockjs of aio-libs: ``/echo`` and ``/broadcast``; no cookie, as elsewhere, and no access log."""

import asyncio

from aiohttp import web
from leash import listening
from sockjs import MsgType, add_endpoint


async def echo(manager, session, message):
    if message.type == MsgType.MESSAGE:
        session.send(message.data)


async def broadcast(manager, session, message):
    if message.type == MsgType.MESSAGE:
        manager.broadcast(message.data)


async def main():
    app = web.Application()
    for handler in (echo, broadcast):
        name = handler.__name__
        add_endpoint(app, handler, name=name, prefix="/" + name, cookie_needed=False)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    listening(runner.addresses[0][1])
    await asyncio.Event().wait()


asyncio.run(main())
