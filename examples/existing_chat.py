"""A chat server as it was, for telnet, and what puts it on the web: the last lines.

Run it with ``python existing_chat.py``: telnet to port 6000, SockJS at http://127.0.0.1:8080/chat.
Both speak in lines: what a browser sends has to end in a carriage return and a newline.
"""

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver

from txsockjs.factory import SockJSFactory


class Chat(LineReceiver):
    def connectionMade(self):
        self.factory.people.add(self)

    def lineReceived(self, line):
        for person in self.factory.people:
            person.sendLine(line)

    def connectionLost(self, reason):
        self.factory.people.discard(self)


chat = Factory.forProtocol(Chat)
chat.people = set()
# Bytes of one person that are no text must not end the sessions of the others.
web = SockJSFactory(chat, prefix="/chat", fallback_encoding="replace")
if __name__ == "__main__":
    reactor.listenTCP(6000, chat, interface="127.0.0.1")
    reactor.listenTCP(8080, web, interface="127.0.0.1")
    print("listening on http://127.0.0.1:8080/chat, and for telnet on port 6000")
    reactor.run()
