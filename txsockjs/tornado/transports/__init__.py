"""`sockjs.tornado.transports`: the base class of handlers; the transports are the server's own."""
