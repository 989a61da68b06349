"""Protocols that Twisted ships, served unchanged, each spoken to as a browser would."""

from __future__ import annotations

import io
import json
from typing import Any

from twisted.conch.telnet import ECHO, IAC, WILL, StatefulTelnetProtocol, TelnetTransport
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.protocol import Factory
from twisted.internet.testing import StringTransport
from twisted.protocols import amp
from twisted.protocols.basic import FileSender, LineOnlyReceiver, LineReceiver, NetstringReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.words.service import InMemoryWordsRealm, IRCFactory

from txsockjs.protocols.connection import connection_class

from ...support.memory import Connection, Lab


class Client:
    """A client over a websocket; ``stream`` is all that the protocol wrote."""

    def __init__(self, lab: Lab, raw: bool = False, slow: bool = False) -> None:
        self.raw = raw
        self.connection: Connection = lab.connect()
        self.connection.transport.slow = slow
        self.connection.upgrade("/websocket" if raw else "/000/abc/websocket")
        self.stream = b""
        self.closed: Any = None
        self._data = self.connection.take().partition(b"\r\n\r\n")[2]

    def say(self, data: bytes) -> None:
        for part in (data[i : i + 16] for i in range(0, len(data), 16)):
            if self.raw:
                self.connection.say(part, opcode=2)
            else:
                self.connection.say(json.dumps([part.decode()], ensure_ascii=False).encode())

    def read(self) -> bytes:
        """What the protocol wrote since the last call."""
        start, data = len(self.stream), self._data + self.connection.take()
        self._data = b""
        while data:
            size, head = data[1], 2
            if size == 126:
                size, head = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, head = int.from_bytes(data[2:10], "big"), 10
            self._frame(data[0] & 15, data[head : head + size])
            data = data[head + size :]
        return self.stream[start:]

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == 8:
            self.closed = self.closed or int.from_bytes(payload[:2], "big")
        elif self.raw:
            self.stream += payload
        elif payload[:1] == b"a":
            self.stream += "".join(json.loads(payload[1:])).encode()
        elif payload[:1] == b"c":
            self.closed = json.loads(payload[1:])[0]


def serve(factory: Any, **settings: Any) -> Lab:
    return Lab(connection_class(factory), **settings)


def factory_for(protocol: Any) -> Any:
    return Factory.forProtocol(protocol)


def end(lab: Lab, *clients: Client) -> None:
    for client in clients:
        client.connection.vanish()
    lab.settle()


# -- lines


class Shouting(LineReceiver):
    """Shouts lines back; after ``raw`` it passes on what comes, after ``wait`` it holds back."""

    MAX_LENGTH = 100

    def connectionMade(self) -> None:
        self.sendLine(b"hello")

    def lineReceived(self, line: bytes) -> None:
        if line == b"raw":
            self.setRawMode()
        elif line == b"wait":
            self.pauseProducing()
            self.factory.waiting = self  # type: ignore[union-attr]
        elif line == b"quit":
            self.sendLine(b"bye")
            self.transport.loseConnection()
        else:
            self.sendLine(line.upper())

    def rawDataReceived(self, data: bytes) -> None:
        self.transport.write(b"<" + data + b">")


def test_a_line_receiver() -> None:
    lab = serve(factory_for(Shouting))
    client = Client(lab)
    assert client.read() == b"hello\r\n"
    client.say(b"one\r\ntw")
    assert client.read() == b"ONE\r\n"
    client.say(b"o\r\n\r\n")
    assert client.read() == b"TWO\r\n\r\n"
    client.say("grüße\r\n".encode())
    assert client.read() == "grüße".encode().upper() + b"\r\n"
    client.say(b"raw\r\nany")
    assert client.read() == b"<any>"
    end(lab, client)


def test_a_line_receiver_is_deaf_once_it_closes() -> None:
    lab = serve(factory_for(Shouting))
    client = Client(lab)
    client.say(b"one\r\nquit\r\ntwo\r\n")
    assert client.read() == b"hello\r\nONE\r\nbye\r\n"
    assert client.closed == 3000
    end(lab, client)


def test_a_line_receiver_that_pauses_gets_its_lines_later() -> None:
    factory = factory_for(Shouting)
    lab = serve(factory)
    client = Client(lab)
    client.say(b"wait\r\none\r\n")
    client.say(b"two\r\n")
    assert client.read() == b"hello\r\n"
    factory.waiting.resumeProducing()
    lab.clock.advance(0)
    assert client.read() == b"ONE\r\nTWO\r\n"
    end(lab, client)


def test_a_line_that_is_too_long_ends_the_connection() -> None:
    lab = serve(factory_for(Shouting))
    client = Client(lab)
    client.say(b"x" * 200)
    client.read()
    assert client.closed == 3000
    end(lab, client)


def test_lines_over_polls() -> None:
    lab = serve(factory_for(Shouting))
    assert lab.xhr().body == b"o\n"
    assert lab.xhr().body == b'a["hello\\r\\n"]\n'
    lab.send(b'["one\\r\\n","quit\\r\\n"]')
    assert lab.xhr().body == b'a["ONE\\r\\n","bye\\r\\n"]\n'
    assert lab.xhr().body == b'c[3000,"Go away!"]\n'
    lab.settle()


def test_a_chat_of_transports_of_several_kinds() -> None:
    people: list[Any] = []

    class Chat(LineOnlyReceiver):
        def connectionMade(self) -> None:
            people.append(self)

        def lineReceived(self, line: bytes) -> None:
            for person in people:
                person.sendLine(line)

        def connectionLost(self, reason: Any = None) -> None:
            people.remove(self)

    lab = serve(factory_for(Chat))
    ann, bob = Client(lab), Client(lab, raw=True)
    lab.xhr()
    ann.say(b"hello\r\n")
    assert ann.read() == bob.read() == b"hello\r\n"
    assert lab.xhr().body == b'a["hello\\r\\n"]\n'
    end(lab, ann, bob)
    assert people == []


# -- time-outs, files


def test_a_time_out_of_the_protocol_s_own() -> None:
    class Impatient(LineReceiver, TimeoutMixin):
        def connectionMade(self) -> None:
            self.setTimeout(3)

        def callLater(self, period: float, call: Any) -> Any:
            return lab.clock.callLater(period, call)

        def connectionLost(self, reason: Any = None) -> None:
            self.setTimeout(None)

    lab = serve(factory_for(Impatient))
    client = Client(lab)
    lab.pass_time(4)
    client.read()
    assert client.closed == 3000
    end(lab, client)


def test_a_file_sender_is_a_producer_that_waits_for_a_slow_client() -> None:
    content = b"0123456789" * 50000
    file = io.BytesIO(content)

    class Sending(LineReceiver):
        def connectionMade(self) -> None:
            sent = FileSender().beginFileTransfer(file, self.transport)
            sent.addCallback(lambda _: self.transport.loseConnection())

    lab = serve(factory_for(Sending))
    client = Client(lab, slow=True)
    while client.closed is None:
        before = file.tell()
        client.connection.transport.producer.resumeProducing()
        client.read()
        assert file.tell() - before <= 2 * FileSender.CHUNK_SIZE
    assert client.stream == content
    assert client.closed == 3000
    end(lab, client)


# -- netstrings


class Netstrings(NetstringReceiver):
    MAX_LENGTH = 100

    def stringReceived(self, string: bytes) -> None:
        self.sendString(string[::-1] if string.isascii() else string)


def test_a_netstring_receiver() -> None:
    lab = serve(factory_for(Netstrings))
    client = Client(lab)
    client.say(b"5:hel")
    client.say(b"lo,0:,")
    assert client.read() == b"5:olleh,0:,"
    client.say("2:é,".encode())
    assert client.read() == "2:é,".encode()
    client.say(b"nonsense")
    client.read()
    assert client.closed == 3000
    end(lab, client)


# -- IRC


def test_an_irc_server() -> None:
    realm = InMemoryWordsRealm("server.example")
    realm.createGroupOnRequest = True
    realm.createUserOnRequest = True
    checker = InMemoryUsernamePasswordDatabaseDontUse()
    checker.addUser("ann", "secret")
    checker.addUser("bob", "secret")
    lab = serve(IRCFactory(realm, Portal(realm, [checker])))
    ann, bob = Client(lab), Client(lab, raw=True)
    for client, name in ((ann, b"ann"), (bob, b"bob")):
        client.say(b"PASS secret\r\nNICK %s\r\nUSER %s 0 * :x\r\n" % (name, name))
        assert b" 001 " in client.read()
        client.say(b"JOIN #room\r\n")
        assert b"JOIN #room" in client.read()
    assert b":bob!bob@server.example JOIN #room" in ann.read()
    ann.say("PRIVMSG #room :grüße\r\n".encode())
    assert ":ann!ann@server.example PRIVMSG #room :grüße\r\n".encode() in bob.read()
    ann.say(b"QUIT\r\n")
    ann.read()
    assert ann.closed == 3000
    assert b":ann!ann@server.example PART #room" in bob.read()
    end(lab, ann, bob)


# -- protocols of bytes


def test_telnet_over_a_raw_websocket() -> None:
    class Asking(StatefulTelnetProtocol):
        state = "User"

        def connectionMade(self) -> None:
            self.transport.write(b"name?\n")
            self.transport.will(ECHO).addErrback(lambda failure: None)

        def telnet_User(self, line: bytes) -> None:
            self.transport.write(b"hello " + line + b"\n")

    factory: Any = Factory()
    factory.buildProtocol = lambda addr: TelnetTransport(Asking)
    lab = serve(factory)
    client = Client(lab, raw=True)
    assert client.read() == b"name?\r\n" + IAC + WILL + ECHO
    client.say(b"ann\r\n")
    assert client.read() == b"hello ann\r\n"
    end(lab, client)


class Sum(amp.Command):
    arguments = ((b"a", amp.Integer()), (b"b", amp.Integer()))
    response = ((b"total", amp.Integer()),)


class Blob(amp.Command):
    arguments = ((b"data", amp.String()),)
    response = ((b"data", amp.String()),)


class Calculator(amp.AMP):
    @Sum.responder
    def sum(self, a: int, b: int) -> Any:
        return {"total": a + b}

    @Blob.responder
    def blob(self, data: bytes) -> Any:
        return {"data": data + b"\xff"}


class Caller:
    """An AMP client whose bytes go through a SockJS client."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.protocol = amp.AMP()
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)

    def ask(self, command: Any, **arguments: Any) -> Any:
        answers: list[Any] = []
        self.protocol.callRemote(command, **arguments).addBoth(answers.append)
        self.client.say(self.transport.value())
        self.transport.clear()
        self.protocol.dataReceived(self.client.read())
        return answers[0] if answers else None


def test_amp_over_a_raw_websocket() -> None:
    lab = serve(factory_for(Calculator))
    client = Client(lab, raw=True)
    caller = Caller(client)
    assert caller.ask(Sum, a=1, b=2) == {"total": 3}
    assert caller.ask(Blob, data=bytes(range(256))) == {"data": bytes(range(256)) + b"\xff"}
    end(lab, client)


def test_amp_over_sockjs_works_for_text_and_is_refused_for_bytes() -> None:
    lab = serve(factory_for(Calculator))
    client = Client(lab)
    caller = Caller(client)
    assert caller.ask(Sum, a=1, b=2) == {"total": 3}
    assert caller.ask(Blob, data=b"text") is None
    assert client.closed == 1003
    end(lab, client)
