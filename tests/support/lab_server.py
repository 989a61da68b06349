"""The server of the lab: mounts with special settings, and connections that obey commands.

Run as a program, as a node of a cluster if it is given the URL of a Redis; the wire tests start it
once and reach it through `labs.Lab`. Each mount has
the application `Puppet`, which echoes, follows commands and writes into a journal what it went
through. The journal is read (and waited for) over HTTP under ``/lab``, past all of SockJS.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any, Callable

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, LoopingCall, deferLater
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    eventAsText,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from txsockjs import ConnectionInfo, SockJSConnection, SockJSRouter
from txsockjs.cluster.redis import RedisBus
from txsockjs.service import SockJSService

ORIGIN = "http://good.example"
COOKIE = "LB=node7; path=/; Secure; HttpOnly; SameSite=None"

LONG = {"disconnect_delay": 60.0}

MOUNTS: dict[str, dict[str, Any]] = {
    "puppet": {**LONG},
    "very/deep/down": {**LONG},
    "brief": {},
    "beating": {**LONG, "heartbeat_delay": 0.15, "ping_timeout": 30.0},
    "pinging": {**LONG, "heartbeat_delay": 20.0, "ping_timeout": 30.0},
    "moving": {**LONG, "heartbeat_delay": 20.0, "ping_timeout": 30.0, "send_limit": 1 << 26},
    "stopped": {"disconnect_delay": 6.0, "session_check_interval": 0.05},
    "answering": {**LONG, "heartbeat_delay": 0.2, "ping_timeout": 6.0},
    "small": {**LONG, "max_message_size": 1000, "max_body_size": 2000},
    "narrow": {**LONG, "mailbox_limit": 10_000, "send_limit": 300_000},
    "wide": {**LONG, "send_limit": 2_000_000, "response_limit": 1 << 30},
    "limited": {**LONG, "response_limit": 100},
    "origins": {**LONG, "allowed_origins": [ORIGIN, "https://good.example:8443"]},
    "few": {"max_sessions": 2},
    "shared": {"max_sessions_per_ip": 2, "trusted_proxies": ["127.0.0.1"]},
    "hasty": {**LONG, "open_rate_per_ip": "2/h", "trusted_proxies": ["127.0.0.1"]},
    "alone": {"max_sessions_per_ip": 1, "open_rate_per_ip": "1000/s"},
    "paced": {**LONG, "message_rate": "20/h"},
    "brisk": {**LONG, "message_rate": "50/s"},
    "based": {"base_url": "http://sessions.example/sockjs"},
    "proxied": {**LONG, "trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"]},
    "tied": {**LONG, "verify_ip": True, "trusted_proxies": ["127.0.0.1"]},
    "cookies": {**LONG, "jsessionid": lambda info: COOKIE},
    "no_websocket": {"disabled_transports": ["websocket"]},
    "no_rawwebsocket": {"disabled_transports": ["rawwebsocket"]},
    "no_xhr": {"disabled_transports": ["xhr"]},
    "no_xhr_streaming": {"disabled_transports": ["xhr_streaming"]},
    "no_eventsource": {"disabled_transports": ["eventsource"]},
    "no_htmlfile": {"disabled_transports": ["htmlfile"]},
    "no_jsonp": {"disabled_transports": ["jsonp"]},
}

# Their time passes only when a test says so, so that no session ends while a test stands still.
TIMELESS = {"brief", "pinging", "moving", "few", "shared", "alone"}


class Time(Clock):
    """The time of a mount, which a test lets pass; what is due at once is done by the reactor."""

    def callLater(self, delay: float, call: Any, *args: Any, **kw: Any) -> Any:
        later = super().callLater if delay > 0 else reactor.callLater
        return later(delay, call, *args, **kw)

    def go_on(self, seconds: float) -> None:
        """Let time pass in steps that no deadline takes for a stall."""
        for _ in range(round(seconds / 0.5)):
            self.advance(0.5)


class Journal:
    """What happened to each connection, by the name of its session."""

    def __init__(self) -> None:
        self._events: dict[str, list[list[Any]]] = {}
        self._waiting: list[tuple[str, str, Deferred[None]]] = []
        self.connections: dict[str, Puppet] = {}

    def of(self, name: str) -> list[list[Any]]:
        return self._events.setdefault(name, [])

    def add(self, name: str, event: str, detail: Any = None) -> None:
        self.of(name).append([event, detail])
        ready = [entry for entry in self._waiting if entry[:2] == (name, event)]
        self._waiting = [entry for entry in self._waiting if entry not in ready]
        for _, _, waiting in ready:
            waiting.callback(None)

    def when(self, name: str, event: str) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        if any(known == event for known, _ in self.of(name)):
            waiting.callback(None)
        else:
            self._waiting.append((name, event, waiting))
        return waiting


@implementer(ILogObserver)
class Errors:
    """The errors that were logged."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error or "log_failure" in event:
            self.texts.append(eventAsText(event))


journal = Journal()
passing = Time()
errors = Errors()


class Puppet(SockJSConnection):
    """Echo every message that is no command; ``word:rest`` with a known word is a command."""

    name = ""
    held: Deferred[None] | None = None

    def on_open(self, info: ConnectionInfo) -> None:
        # Raw websockets have no session id in their URL; a query argument names them.
        self.name = info.get_argument("name") or info.path.split("/")[-2]
        journal.connections[self.name] = self
        journal.add(
            self.name,
            "open",
            {
                "ip": info.ip,
                "origin": info.origin,
                "path": info.path,
                "transport": info.transport,
                "cookies": {name: info.get_cookie(name) for name in info.cookies},
            },
        )

    def on_message(self, message: str | bytes) -> Deferred[None] | None:
        assert not self.is_closed
        assert self.held is None or self.held.called, "messages come one at a time"
        journal.add(self.name, "message", len(message))
        if isinstance(message, str):
            word, _, rest = message.partition(":")
            command = getattr(self, f"do_{word}", None)
            if command is not None:
                return command(rest)
        self.send(message)
        return None

    def on_close(self) -> None:
        code, reason = self.close_reason or (None, None)
        journal.add(self.name, "close", [code, reason])
        # Both are useless here, and must be harmless.
        self.send("too late")
        self.close()

    def do_close(self, rest: str) -> None:
        code, _, reason = rest.partition(":")
        if code:
            self.close(int(code), reason)
        else:
            self.close()

    def do_send(self, rest: str) -> None:
        """Send so many messages of that size in one turn."""
        count, size = map(int, rest.split(":"))
        for index in range(count):
            self.send(str(index).ljust(size, "x"))

    def do_sayclose(self, rest: str) -> None:
        self.send(rest)
        self.close(3001, "said")

    def do_flood(self, rest: str) -> Deferred[None]:
        """Send messages of that size, one per turn of the reactor, until told to stop."""
        self.send(rest[0] * int(rest[1:]))
        journal.add(self.name, "flood")
        if self.is_closed:
            done: Deferred[None] = Deferred()
            done.callback(None)
            return done
        return deferLater(reactor, 0, self.do_flood, rest)

    def do_block(self, rest: str) -> None:
        """Let the whole server stand still for so many seconds."""
        time.sleep(float(rest))
        self.send("on")

    def do_swallow(self, rest: str) -> None:
        """Answer nothing."""

    def do_surrogate(self, rest: str) -> None:
        self.send("\ud800")

    def do_raise(self, rest: str) -> None:
        raise RuntimeError(rest)

    def do_hold(self, rest: str) -> Deferred[None]:
        """Take no further message until told to ``release``."""
        self.held = Deferred()
        return self.held

    def do_release(self, rest: str) -> None:
        assert self.held is not None
        self.held.callback(None)


class Failing(Puppet):
    """An application whose on_open raises."""

    def on_open(self, info: ConnectionInfo) -> None:
        super().on_open(info)
        raise RuntimeError("on_open failed")


class Refusing(Puppet):
    """An application that lets nobody in."""

    def on_open(self, info: ConnectionInfo) -> bool:
        super().on_open(info)
        return False


class Desk(Resource):
    """The HTTP side of the journal: each path under ``/lab`` is a question or an order."""

    isLeaf = True

    def __init__(self, routers: dict[str, SockJSRouter]) -> None:
        super().__init__()
        self.routers = routers

    def render(self, request: Request) -> Any:
        word, *rest = [part.decode() for part in request.postpath]
        answer: Callable[..., Any] = getattr(self, f"answer_{word}")
        return answer(request, *rest)

    def answer_journal(self, request: Request, name: str) -> bytes:
        return json.dumps(journal.of(name)).encode()

    def answer_wait(self, request: Request, name: str, event: str) -> int:
        def answer(_: None) -> None:
            request.write(self.answer_journal(request, name))
            request.finish()

        waiting = journal.when(name, event)
        request.notifyFinish().addErrback(lambda _: waiting.cancel())
        waiting.addCallbacks(answer, lambda _: None)
        return NOT_DONE_YET

    def answer_tell(self, request: Request, name: str) -> bytes:
        assert request.content is not None
        word, _, rest = request.content.read().decode().partition(":")
        getattr(journal.connections[name], f"do_{word}")(rest)
        return b"null"

    def answer_collect(self, request: Request) -> bytes:
        """Log what was forgotten: an error in a Deferred shows when that is collected."""
        return json.dumps(gc.collect()).encode()

    def answer_pass(self, request: Request, seconds: str) -> bytes:
        """Let time pass on the mounts where it stands still."""
        passing.go_on(float(seconds))
        return b"null"

    def answer_gauges(self, request: Request) -> bytes:
        gauges = {
            name: router.stats.dump()["sessions_active"] for name, router in self.routers.items()
        }
        timers = map(repr, [*reactor.getDelayedCalls(), *passing.getDelayedCalls()])
        # Connections that wait for their next request have a timer of twisted.web's.
        gauges["timers"] = sum("_TimeoutMixin__timedOut" not in timer for timer in timers)
        return json.dumps(gauges).encode()

    def answer_errors(self, request: Request) -> bytes:
        texts, errors.texts = errors.texts, []
        return json.dumps(texts).encode()


def main() -> None:
    globalLogBeginner.beginLoggingTo(
        [textFileLogObserver(sys.stderr), errors], redirectStandardIO=False
    )
    routers = {
        name: SockJSRouter(
            Puppet, f"/{name}", reactor=passing if name in TIMELESS else reactor, **special
        )
        for name, special in MOUNTS.items()
    }
    routers["failing"] = SockJSRouter(Failing, "/failing", **LONG)
    routers["refusing"] = SockJSRouter(Refusing, "/refusing", **LONG)
    root = Resource()
    root.putChild(b"lab", Desk(routers))
    endpoint = "tcp:0:interface=127.0.0.1"
    # Sessions that nobody polls wait to be told of the end; here nobody will.
    bus = RedisBus(sys.argv[1], reactor) if sys.argv[1:] else None
    service = SockJSService(endpoint, routers.values(), static=root, stop_timeout=0.5, bus=bus)
    # The routers' patience must end.
    goes_on = LoopingCall(passing.go_on, 0.5)
    reactor.addSystemEventTrigger("before", "shutdown", lambda: goes_on.start(0.1) and None)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    service.startService()
    reactor.run()


if __name__ == "__main__":
    main()
