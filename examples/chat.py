"""A room: everyone hears everyone, and each message is read by a moderator first.

Run it with ``twistd -n sockjs --app chat.Chat --prefix /chat``.
"""

from txsockjs import SockJSConnection


async def moderate(message):
    return message.replace("darn", "d***")


class Chat(SockJSConnection):
    def on_open(self, info):
        self.room("everyone").send("someone joined")
        self.join("everyone")

    async def on_message(self, message):  # the next one waits until this one is done
        self.room("everyone").send(await moderate(message))

    def on_close(self):  # who left is in no room any more
        self.room("everyone").send("someone left")
