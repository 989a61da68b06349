"""The ``sockjs`` command of twistd."""

from twisted.application.service import ServiceMaker

sockjs = ServiceMaker("SockJS", "txsockjs.service", "A SockJS server.", "sockjs")
