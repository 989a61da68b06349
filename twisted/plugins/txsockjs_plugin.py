"""The ``sockjs`` command of twistd, and the ``sockjs:`` endpoints."""

from twisted.application.service import ServiceMaker

from txsockjs.endpoints import SockJSClientEndpointParser, SockJSEndpointParser

sockjs = ServiceMaker("SockJS", "txsockjs.cli.process", "A SockJS server.", "sockjs")
sockjs_endpoint = SockJSEndpointParser()
sockjs_client_endpoint = SockJSClientEndpointParser()
