"""Everything comes back.

Run it with ``twistd -n sockjs --app echo.Echo --prefix /echo``.
"""

from txsockjs import SockJSConnection


class Echo(SockJSConnection):
    def on_message(self, message):
        self.send(message)
