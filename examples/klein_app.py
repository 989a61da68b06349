"""A Klein application with an endpoint beside its own routes.

Run it with ``python klein_app.py``.
"""

from klein import Klein

from txsockjs import SockJSConnection, SockJSRouter


class Shout(SockJSConnection):
    def on_message(self, message):
        self.send(message.upper())


app = Klein()


@app.route("/hello/<name>")
def hello(request, name):
    return f"hello {name}"


SockJSRouter(Shout, "/shout").apply_routes(app)

if __name__ == "__main__":
    app.run("127.0.0.1", 8080)
