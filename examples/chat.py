"""A room: everyone hears everyone, and each message is read by a moderator first.

Run it with ``twistd -n sockjs --app chat.Chat --prefix /chat``.
"""

from txsockjs import SockJSConnection


async def moderate(message):
    return message.replace("darn", "d***")


class Chat(SockJSConnection):
    people = set()

    def on_open(self, info):
        self.broadcast(self.people, "someone joined")
        self.people.add(self)

    async def on_message(self, message):  # the next one waits until this one is done
        self.broadcast(self.people, await moderate(message))

    def on_close(self):
        self.people.discard(self)
        self.broadcast(self.people, "someone left")
