"""The ``sockjs`` command of twistd, and the ``sockjs:`` endpoint."""

from twisted.application.service import ServiceMaker

from txsockjs.endpoints import SockJSEndpointParser

sockjs = ServiceMaker("SockJS", "txsockjs.cli.process", "A SockJS server.", "sockjs")
sockjs_endpoint = SockJSEndpointParser()
