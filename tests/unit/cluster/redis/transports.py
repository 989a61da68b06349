"""A transport to a broker that is not there."""

from twisted.internet.testing import StringTransport


class Transport(StringTransport):
    """Notes that it was aborted."""

    aborted = False

    def setTcpNoDelay(self, enabled) -> None:
        pass

    def abortConnection(self) -> None:
        self.aborted = True
