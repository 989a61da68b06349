"""Mistakes that a type checker finds."""

from __future__ import annotations

from twisted.internet.protocol import Factory

import txsockjs
from txsockjs import Settings, SockJSConnection, SockJSRouter
from txsockjs.factory import SockJSFactory, SockJSMultiFactory, SockJSResource
from txsockjs.multiplex import SockJSMultiplexResource
from txsockjs.tornado import SockJSRouter as TornadoRouter


class Chat(SockJSConnection):
    def on_message(self, message: str) -> None:
        self.send({"text": message})  # is an error
        self.close("bye")  # is an error
        self.session.nothing()  # is an error
        self.info.address  # is an error  # noqa: B018
        self.rooms.add("here")  # is an error


SockJSRouter(Chat, heartbeat_delai=1)  # is an error
SockJSRouter(Chat, heartbeat_delay="1")  # is an error
TornadoRouter(Chat, heartbeat_delai=1)  # is an error
SockJSRouter(Chat())  # is an error
SockJSRouter(Factory)  # is an error
SockJSRouter(Chat).setings  # is an error  # noqa: B018
Settings(heartbeat_delai=1)  # is an error
Settings(disable_nagle=None)  # is an error
Settings(max_sessions="many")  # is an error
Settings().heartbeat_delay = 1  # is an error
SockJSFactory(Factory(), heartbeat_delai=1)  # is an error
SockJSFactory(Chat)  # is an error
SockJSResource(Factory(), fallback_encoding=1)  # is an error
SockJSMultiFactory().addFactory(Factory(), "/a", heartbeat_delai=1)  # is an error
SockJSMultiplexResource(heartbeat_delai=1)  # is an error
txsockjs.SockJSRooter(Chat)  # is an error
