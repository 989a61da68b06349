"""A worker: ``python -m txsockjs.cli.workers.worker SPEC``, started by the supervisor.

``SPEC`` is a JSON table with the command line, the reactor, the number of the worker (from 1), the
folder of the bus, and descriptors: of the stream to the parent, of the log, of the parent's
standard output, and of the listening sockets of all workers for each endpoint.

Rules: each log entry is an event as a line of JSON, which the parent logs; the parent also logs
what the worker prints. A worker that can't start says why in the last line of standard error, with
exit code 1.
"""

# Twisted has no annotations for much of what is called here.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from typing import Any, TextIO

from twisted.application.reactors import installReactor
from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver, Logger, globalLogBeginner
from twisted.python import usage
from zope.interface import implementer

from ..logs.json_lines import read_event


def main() -> None:
    """Serve until the parent or a signal says to stop."""
    spec = json.loads(sys.argv[1])
    if spec["reactor"] is not None:
        installReactor(spec["reactor"])  # before anything imports another one
    if hasattr(signal, "SIGUSR1"):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until there is something to reopen
    for descriptor in (spec["events"], spec["output"]):
        os.set_inheritable(descriptor, False)
    events = os.fdopen(spec["events"], "w", encoding="utf-8", buffering=1)
    globalLogBeginner.beginLoggingTo([_Log(events)], redirectStandardIO=False)

    from ...errors import SockJSError  # noqa: PLC0415  # installs a reactor

    try:
        _serve(spec)
    except (SockJSError, usage.UsageError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


@implementer(ILogObserver)
class _Log:
    """Writes events for the parent."""

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def __call__(self, event: Any) -> None:
        self._output.write(json.dumps(read_event(event)) + "\n")


def _serve(spec: dict[str, Any]) -> None:
    from twisted.internet import reactor  # noqa: PLC0415

    from ...admin.asking import reply  # noqa: PLC0415
    from ...clock import use_monotonic_time  # noqa: PLC0415
    from ...cluster.local import LocalBus  # noqa: PLC0415
    from ...server.ports import Endpoint, Ports  # noqa: PLC0415
    from ..options import Options  # noqa: PLC0415
    from ..process import make_server  # noqa: PLC0415
    from .sockets import AdoptedEndpoint  # noqa: PLC0415

    use_monotonic_time(reactor)  # before the application is imported
    options = Options()
    options.parseOptions(spec["arguments"])
    sockets: list[tuple[str, list[int]]] = spec["sockets"]
    count = len(sockets[0][1])
    if options.plan.listen != [text for text, _ in sockets] or options.plan.workers != count:
        Logger().warn("listen and workers have changed, which takes a restart")
    extra: dict[int, Ports] = {}  # on the sockets of neighbours that are away

    def told(table: dict[str, Any]) -> None:
        if "ask" in table:
            reply(service.answers, table, lambda answer: bus.say(do="answer", **answer))
        elif "retire" in table:
            # The successor accepts connections, and relays clients that have a session here.
            for ports in (service.ports, *extra.values()):
                ports.close()
            with contextlib.suppress(ReactorNotRunning):  # stopping already
                run.stop()
        elif "serve" in table and table["serve"] not in extra:
            ports = Ports(reactor, endpoints_of(table["serve"]))
            ports.open(service.site)
            extra[table["serve"]] = ports
        elif "reopen" in table:
            service.reopen_logs()
        elif table.get("leave") in extra:
            extra.pop(table["leave"]).close()

    def endpoints_of(number: int) -> list[Endpoint]:
        return [AdoptedEndpoint(reactor, text, all_of[number - 1]) for text, all_of in sockets]

    def stop() -> object:
        return service.stopService().addCallback(stopped)

    def stopped(_: None) -> object:
        for ports in extra.values():
            ports.close()
        return bus.stop()  # the service of a cluster does not stop this bus

    def orphaned() -> None:
        """Stop in an orderly way, because the parent is gone."""
        run.addSystemEventTrigger("after", "shutdown", shutil.rmtree, spec["folder"], True)
        with contextlib.suppress(ReactorNotRunning):  # stopping already
            run.stop()

    bus = LocalBus(reactor, spec["control"], spec["folder"], told, orphaned)
    service = make_server(
        options.plan,
        endpoints_of(spec["number"]),
        bus,
        worker=spec["number"],
        output=spec["output"],
    )
    run = reactor
    run.addSystemEventTrigger("before", "shutdown", stop)
    service.started.addCallback(lambda _: bus.say(do="ready"))
    if options.plan.cluster is not None:
        run.callWhenRunning(bus.start)  # this bus is only the way to the parent
    run.callWhenRunning(service.startService)
    run.run()


if __name__ == "__main__":
    main()
