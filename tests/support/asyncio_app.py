"""An application that awaits what asyncio has, and a fake Redis beside it; served by twistd."""

import asyncio

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver

from txsockjs import SockJSConnection


class Redis(LineReceiver):
    """Enough of Redis for SET and GET, in RESP 2."""

    data: dict = {}

    def connectionMade(self):
        self._words = []
        self._wanted = 0

    def lineReceived(self, line):
        if line.startswith(b"*"):
            self._words, self._wanted = [], int(line[1:])
        elif not line.startswith(b"$"):
            self._words.append(line)
            if len(self._words) == self._wanted:
                self._obey(*self._words)

    def _obey(self, command, *arguments):
        if command.upper() == b"GET":
            value = self.data[arguments[0]]
            self.transport.write(b"$%d\r\n%b\r\n" % (len(value), value))
        else:
            if command.upper() == b"SET":
                self.data[arguments[0]] = arguments[1]
            self.transport.write(b"+OK\r\n")


class App(SockJSConnection):
    """Does what a message names, and sends what came of it."""

    async def on_open(self, info):
        self.url = f"http://127.0.0.1:{info.server_address.port}"

    async def on_message(self, message):
        self.task = asyncio.current_task()
        assert self.task is not None
        await self.pause()
        try:
            result = await getattr(self, "try_" + message)()
        finally:
            await self.pause()
        self.send(f"{message}: {result}")

    async def pause(self):
        """Await a Deferred that fires later, and one that has fired."""
        await deferLater(reactor, 0)
        assert asyncio.current_task() is self.task
        fired = Deferred()
        fired.callback("fired")
        assert await fired == "fired"
        later = Deferred()
        reactor.callLater(0, later.callback, "later")
        assert await later == "later"
        failing = Deferred()
        reactor.callLater(0, failing.errback, KeyError("failed"))
        try:
            await failing
        except KeyError:
            assert asyncio.current_task() is self.task

    async def try_aiohttp(self):
        import aiohttp  # noqa: PLC0415

        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as client:
            await self.pause()
            async with client.get(self.url + "/info") as answer:
                await self.pause()
                return (await answer.json())["websocket"]

    async def try_httpx(self):
        import httpx  # noqa: PLC0415

        async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
            await self.pause()
            answer = await client.get(self.url + "/info")
            await self.pause()
            return answer.json()["websocket"]

    async def try_redis(self):
        import redis.asyncio  # noqa: PLC0415

        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(
            Factory.forProtocol(Redis)
        )
        client = redis.asyncio.Redis(host="127.0.0.1", port=port.getHost().port, protocol=2)
        try:
            await client.set("key", "value")
            await self.pause()
            return (await client.get("key")).decode()
        finally:
            await client.aclose()
            await port.stopListening()

    async def try_timeout(self):
        try:
            async with asyncio.timeout(0.001):
                await Deferred()  # which never fires
        except TimeoutError:
            await self.pause()
            return "over"

    async def try_wait_for(self):
        try:
            await asyncio.wait_for(asyncio.sleep(3600), 0.001)
        except asyncio.TimeoutError:
            return "over"

    async def try_group(self):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0.001, number)) for number in range(3)]
            await self.pause()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._fail())
                await Deferred()  # which never fires, and is cancelled
        except Exception as failed:  # noqa: BLE001  # an ExceptionGroup, where there is one
            failures = [type(each) for each in failed.exceptions]
        assert failures == [ZeroDivisionError]
        await self.pause()
        return [task.result() for task in tasks]

    async def _fail(self):
        await asyncio.sleep(0.001)
        return 1 / 0

    async def try_exit(self):
        await asyncio.sleep(0)
        raise SystemExit("of a callback")
