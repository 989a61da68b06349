"""Two nodes of this project, and the port of the one that owns no session: all is relayed.

The first argument is the reactor, the second the bus: ``local``, that of ``--workers``, or
``redis``, for which a Redis is started. Both nodes have ``/echo``, with the default settings.
"""

import reactors

reactors.install()

import ctypes  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402

from leash import listening  # noqa: E402
from twisted.internet import reactor  # noqa: E402
from twisted.internet.protocol import Factory  # noqa: E402
from twisted.internet.task import LoopingCall  # noqa: E402

from txsockjs import SockJSConnection, SockJSRouter  # noqa: E402
from txsockjs.cluster.directory import Directory  # noqa: E402
from txsockjs.cluster.local import LocalBus  # noqa: E402
from txsockjs.cluster.redis import RedisBus  # noqa: E402
from txsockjs.errors import Overloaded  # noqa: E402
from txsockjs.service import SockJSService  # noqa: E402


class Echo(SockJSConnection):
    def on_message(self, message):
        self.send(message)


class Edge(SockJSRouter):
    """Has no session, so that another node has it."""

    def admit(self, exchange):
        raise Overloaded()


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start(*command, **options):
    return subprocess.Popen(command, preexec_fn=die_with_parent, **options)  # noqa: PLW1509


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def local_buses(directory, folder):
    """Give our end, and the descriptor of the other node's stream to the directory."""
    ends = [socket.socketpair() for _ in range(2)]
    factory = Factory.forProtocol(directory.member)
    for ours, _ in ends:
        reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, factory)
        ours.close()
    (_, own), (_, other) = ends
    return LocalBus(reactor, own.detach(), folder), other.detach()


def serve(bus, router_class):
    router = router_class(Echo, "/echo", bus=bus)
    service = SockJSService("tcp:0:interface=127.0.0.1", router)
    service.startService()
    return service


def edge(kind):
    script = [sys.executable, __file__, sys.argv[1], kind]
    if kind == "local":
        folder = tempfile.mkdtemp(prefix="sockjs-")
        bus, descriptor = local_buses(Directory(reactor), folder)
        owner = start(*script, str(descriptor), folder, pass_fds=[descriptor])
    else:
        port = free_port()
        program = shutil.which("redis-server") or "valkey-server"
        alone = ["--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        start(program, *alone, stdout=subprocess.DEVNULL)
        url = f"redis://127.0.0.1:{port}/0"
        bus = RedisBus(url, reactor)
        owner = start(*script, url)
    service = serve(bus, Edge)

    def look():
        if len(bus.nodes) == 2:
            looking.stop()
            port = service.ports.open_ports[0].getHost().port
            listening(port, os.getpid(), owner.pid)

    looking = LoopingCall(look)
    looking.start(0.05)


def owner(kind, *where):
    bus = (
        LocalBus(reactor, int(where[0]), where[1])
        if kind == "local"
        else RedisBus(where[0], reactor)
    )
    serve(bus, SockJSRouter)


kind, *where = sys.argv[2:]
reactor.callWhenRunning(owner if where else edge, kind, *where)
reactor.run()
