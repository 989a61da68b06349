"""The floor: a Twisted protocol that answers canned bytes, as little as any server could do.

It looks at the first message only, and answers ever after by counting bytes; the load has to be
``canned``, the same message again and again. What it is asked for it takes from the URL's end.
"""

import reactors

reactors.install()

from leash import listening  # noqa: E402
from twisted.internet import reactor  # noqa: E402
from twisted.internet.protocol import Factory, Protocol  # noqa: E402

UPGRADED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
OPEN = b"\x81\x01o"
CLOSE = 0x88
CLOSED = b"\x88\x02\x03\xe8"
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def frame(payload):
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def unmasked(data):
    """Give the whole length of the first frame, and its payload."""
    size, at = data[1] & 127, 2
    if size > 125:
        at = 4 if size == 126 else 10
        size = int.from_bytes(data[2:at], "big")
    mask, at = data[at : at + 4], at + 4
    masked = data[at : at + size]
    whole = (mask * (len(masked) // 4 + 1))[: len(masked)]
    payload = int.from_bytes(masked, "big") ^ int.from_bytes(whole, "big")
    return at + size, payload.to_bytes(len(masked), "big")


def poll(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def chunk(body):
    return b"%x\r\n%s\r\n" % (len(body), body)


class Floor(Protocol):
    everyone = set()
    answers = {}
    sessions = {}
    length = 0
    came = 0
    start = b""

    def dataReceived(self, data):
        path = data.split(b" ", 2)[1]
        if path.endswith(b"/websocket"):
            self.write(UPGRADED + OPEN)
            self.everyone.add(self)
            self.dataReceived = self.first
            if path.startswith(b"/broadcast"):
                self.answer = self.broadcast
        else:
            _, _, _, session, what = path.split(b"/")
            self.http(session, what, data)

    def write(self, data):
        # As directly as Twisted can: nothing is buffered, so nothing waits for the next turn.
        written = 0 if self.transport.dataBuffer else self.transport.writeSomeData(data)
        if written != len(data):
            self.transport.write(data[max(written, 0) :])

    # -- websockets

    def first(self, data):
        self.start += data
        if self.start[0] == CLOSE:
            self.write(CLOSED)
            self.transport.loseConnection()
            return
        self.length, self.payload = unmasked(self.start)
        if len(self.start) >= self.length:
            self.dataReceived = self.frames
            self.frames(self.start)
            self.start = b""

    def frames(self, data):
        if data[0] == CLOSE and not self.came:
            self.write(CLOSED)
            self.transport.loseConnection()
            return
        count, self.came = divmod(self.came + len(data), self.length)
        if count:
            key = (self.payload, count)
            canned = self.answers.get(key)
            if canned is None:
                messages = b",".join([self.payload[1:-1]] * count)
                canned = self.answers[key] = frame(b"a[" + messages + b"]")
            self.answer(canned)

    answer = write

    def broadcast(self, canned):
        for one in self.everyone:
            one.write(canned)

    def connectionLost(self, reason):
        self.everyone.discard(self)

    # -- HTTP

    def http(self, session, what, data):
        if what == b"xhr_send":
            self.write(SENT)
            wrap, receiver, _ = self.sessions[session]
            answer = wrap(b"a" + data.partition(b"\r\n\r\n")[2] + b"\n")
            if receiver is None:
                self.sessions[session] = (wrap, None, answer)
            else:
                if wrap is poll:
                    self.sessions[session] = (wrap, None, b"")
                receiver.write(answer)
        elif session not in self.sessions:
            wrap = poll if what == b"xhr" else chunk
            self.sessions[session] = (wrap, None if wrap is poll else self, b"")
            self.write(wrap(b"o\n") if wrap is poll else STREAM + wrap(b"o\n"))
        else:
            wrap, _, waiting = self.sessions[session]
            self.sessions[session] = (wrap, None if waiting else self, b"")
            if waiting:
                self.write(waiting)


reactor.callWhenRunning(
    lambda: listening(
        reactor.listenTCP(0, Factory.forProtocol(Floor), interface="127.0.0.1").getHost().port
    )
)
reactor.run()
