"""The guide for users of sockjs-tornado: every name in its table is what the table says it is."""

import importlib
import inspect
import os
import re
import runpy
import sysconfig

import pytest
from twisted.internet.task import Clock

import txsockjs.tornado
from txsockjs.errors import SettingsError
from txsockjs.stats import StatsCollector
from txsockjs.tornado import SockJSConnection, SockJSRouter
from txsockjs.tornado.migrate import PeriodicCallback

from ..support.memory import Connection, Lab
from ..support.raw import get
from ..support.running import ROOT, running

TWISTD = os.path.join(sysconfig.get_path("scripts"), "twistd")

with open(os.path.join(ROOT, "docs", "migrating.md"), encoding="utf-8") as file:
    GUIDE = file.read()

# The public names of sockjs-tornado by module and class: with arguments where it documents them.
REFERENCE = """
conn.SockJSConnection(session)
    on_open(request) on_message(message) on_close() send(message, binary=False)
    broadcast(clients, message) close() is_closed
router.SockJSRouter(connection, prefix="", user_settings={}, io_loop=None)
    urls apply_routes(routes) get_session(session_id) get_connection_class() stats
    broadcast(clients, msg)
session.BaseSession(conn, server)
    set_handler(handler) verify_state() remove_handler(handler)
    send_message(msg, stats=True, binary=False) send_jsonified(msg, stats=True)
    broadcast(clients, msg) close(code=3000, message="Go away!") delayed_close() is_closed
    get_close_reason()
session.Session(conn, server, session_id, expiry=None)
    on_delete(forced) set_handler(handler, start_heartbeat=True) verify_state()
    remove_handler(handler) send_message(msg, stats=True, binary=False)
    send_jsonified(msg, stats=True) on_messages(msg_list) flush()
    close(code=3000, message="Go away!") start_heartbeat() stop_heartbeat() delay_heartbeat()
session.ConnectionInfo(ip, cookies, arguments, headers, path)
    ip cookies arguments headers path get_argument(name) get_cookie(name) get_header(name)
migrate.WebsocketHandler(session)
    open() on_open(info) write_message(msg)
proto
    json_encode(data) json_decode(data) CONNECT DISCONNECT MESSAGE HEARTBEAT
    disconnect(code, reason)
basehandler.BaseHandler(application, request)
    initialize(server) prepare() finish(chunk=None) on_connection_close() enable_cache()
    disable_cache() handle_session_cookie() safe_finish()
basehandler.PreflightHandler(application, request)
    options() preflight() verify_origin()
periodic.Callback(callback, callback_time, io_loop)
    calculate_next_run() start(timeout=None) stop() delay()
sessioncontainer.SessionMixin(session_id=None, expiry=None)
    is_alive() promote() on_delete(forced)
sessioncontainer.SessionContainer()
    add(session) get(session_id) remove(session_id) expire(current_time=None)
static.IFrameHandler(application, request)
static.GreetingsHandler(application, request)
static.ChunkingTestHandler(application, request)
static.InfoHandler(application, request)
stats.StatsCollector(io_loop)
    dump()
stats.MovingAverage(period=10)
    add(n) flush()
transports.base.BaseTransportMixin
    get_conn_info() session_closed()
transports.pollingbase.PollingTransportBase(application, request)
    send_message(message, binary=False) session_closed()
transports.streamingbase.StreamingTransportBase(application, request)
    should_finish() session_closed()
transports.xhr.XhrPollingTransport(application, request)
    post() send_pack(message, binary=False)
transports.xhr.XhrSendHandler(application, request)
    post(session_id)
transports.xhrstreaming.XhrStreamingTransport(application, request)
    post() send_pack(message, binary=False)
transports.eventsource.EventSourceTransport(application, request)
    get() send_pack(message, binary=False)
transports.jsonp.JSONPTransport(application, request)
    get() send_pack(message, binary=False)
transports.jsonp.JSONPSendHandler(application, request)
    post(session_id)
transports.htmlfile.HtmlFileTransport(application, request)
    get() send_pack(message, binary=False)
transports.rawwebsocket.RawSession(conn, server)
    send_message(msg, stats=True, binary=False) on_message(msg)
transports.rawwebsocket.RawWebSocketTransport(application, request)
    open() on_message(message) on_close() send_pack(message, binary=False) session_closed()
transports.websocket.WebSocketTransport(application, request)
    open(session_id) on_message(message) on_close() send_pack(message, binary=False)
    session_closed()
"""
MODULES = {"proto"}
# The doors of this package: what users import. All else is private.
DOORS = {
    *("Refused", "Settings", "SockJSConnection", "SockJSRouter", "ConnectionInfo"),
    *("errors", "multiplex", "service", "tornado"),
}
STATISTICS = {
    "sessions_active",
    *("transp_xhr", "transp_websocket", "transp_xhr_streaming", "transp_jsonp"),
    *("transp_eventsource", "transp_htmlfile", "transp_rawwebsocket"),
    *("connections_active", "connections_ps", "packets_sent_ps", "packets_rcv_ps"),
}


def read_reference():
    """Give each name's signature, or None where it is no function."""
    found = {}
    outer = ""
    for line in REFERENCE.strip().splitlines():
        inner = line.startswith(" ")
        for name, arguments in re.findall(r"([\w.]+)(\(.*?\))?(?:\s+|$)", line.strip()):
            outer = outer if inner else name
            full = f"{outer}.{name}" if inner else name
            if full not in MODULES:
                found[full] = eval(f"lambda {arguments[1:-1]}: 0") if arguments else None
    return {name: call and inspect.signature(call) for name, call in found.items()}


def rows(heading):
    """The rows of the tables under a heading, as lists of cells; the first is a name."""
    text = GUIDE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return [[name.strip(" `"), *(cell.strip() for cell in cells)] for name, *cells in found]


NAMES = read_reference()
TABLE = [name for name, _ in rows("Name by name")]
GONE = [name for name, _ in rows("Gone")]

# What instances have and their classes do not.
INSTANCES = {SockJSRouter: SockJSRouter(SockJSConnection, reactor=Clock())}


def resolve(name, package=txsockjs.tornado):
    """Find an object by its name inside of a package, or raise `LookupError`."""
    parts = name.split(".")
    found = package
    while parts:
        try:
            found = importlib.import_module(".".join([found.__name__, parts[0]]))
        except ModuleNotFoundError:
            break
        del parts[0]
    for part in parts:
        if not hasattr(found, part):
            found = INSTANCES.get(found)
        if not hasattr(found, part):
            raise LookupError(name)
        found = getattr(found, part)
    return found


def arguments(name):
    """The parameters of one of our functions, without ``self``."""
    found = resolve(name)
    owner = name.rpartition(".")[0]
    parameters = list(inspect.signature(found).parameters.values())
    if "." in name and not inspect.isclass(found) and inspect.isclass(resolve(owner)):
        assert parameters.pop(0).name == "self"
    return parameters


def test_every_public_name_stands_in_the_guide_once():
    inside = [name for name in NAMES if any(name.startswith(f"{gone}.") for gone in GONE)]
    assert sorted([*TABLE, *GONE, *inside]) == sorted(NAMES)


@pytest.mark.parametrize("name", TABLE)
def test_every_name_is_where_it_was_and_takes_the_same_arguments(name):
    found = resolve(name)
    if NAMES[name] is None:
        assert not inspect.isfunction(found)
        return
    ours = arguments(name)
    for place, theirs in enumerate(NAMES[name].parameters.values()):
        assert ours[place].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert ours[place].name == theirs.name
        if theirs.default is not theirs.empty:
            assert ours[place].default == (None if theirs.default == {} else theirs.default)
    for more in ours[len(NAMES[name].parameters) :]:
        assert more.default is not more.empty or more.kind is more.VAR_KEYWORD


@pytest.mark.parametrize("name", GONE)
def test_a_name_that_is_gone_is_not_there(name):
    with pytest.raises(LookupError):
        resolve(name)


@pytest.mark.parametrize("module", ["conn", "session", "proto", "periodic", "sessioncontainer"])
def test_no_module_of_sockjs_tornado_stands_at_the_top(module):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"txsockjs.{module}")


def test_whatever_else_the_guide_names_in_the_package_exists_and_is_public():
    mentioned = set(re.findall(r"\btxsockjs\.([\w.]*\w)", GUIDE))
    mentioned |= set(re.findall(r"from txsockjs import (\w+)", GUIDE))
    assert len(mentioned) > 5
    for name in mentioned:
        assert name.partition(".")[0] in DOORS
        assert resolve(name, txsockjs) is not None
    for name in ("ping", "on_pong", "check_origin", "set_nodelay", "select_subprotocol"):
        with pytest.raises(LookupError):
            resolve(f"migrate.WebsocketHandler.{name}")


@pytest.mark.parametrize(("name", "kind", "note"), rows("Settings"))
def test_settings_are_what_the_guide_says(name, kind, note):
    settings = SockJSRouter(SockJSConnection, reactor=Clock()).settings
    if kind == "same":
        defaults = re.findall(r"`(\w+)` here", note)
        assert [str(getattr(settings, name))] == defaults or not defaults
    else:
        assert hasattr(settings, kind.strip("`"))
        SockJSRouter(SockJSConnection, "", {name: "*"}, Clock())
        with pytest.raises(SettingsError, match=f"it is {kind.strip('`')}"):
            SockJSRouter(SockJSConnection, "", {name: ["example.com"]}, Clock())


def test_statistics_have_the_documented_keys():
    assert set(StatsCollector(Clock()).dump()) >= STATISTICS


# -- the code in the guide


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def test_there_is_no_code_but_the_tested():
    assert len(blocks(r"\w*")) == 4
    assert [len(blocks(language)) for language in ("diff", "console", "python")] == [1, 1, 2]


def test_the_difference_leads_to_the_example():
    with open(os.path.join(ROOT, "examples", "from_tornado", "chat.py"), encoding="utf-8") as file:
        example = file.read().splitlines()
    (diff,) = blocks("diff")
    place = 0
    for line in diff.splitlines():
        if line.startswith("-"):
            assert line[1:] not in example
        elif line.strip() and not line.startswith("@@"):
            place = example.index(line[1:], place)


def test_the_command_serves_the_example():
    (command,) = blocks("console")
    prompt, program, *words = command.split()
    assert (prompt, program) == ("$", "twistd")
    words[words.index("tcp:8080")] = "tcp:0:interface=127.0.0.1"
    folder = os.path.join(ROOT, "examples", "from_tornado")
    with running(TWISTD, "--pidfile=", *words, cwd=folder) as server:
        assert get(server.url.removesuffix("/chat") + "/chat") == b"Welcome to SockJS!\n"


def test_an_application_with_routes_of_its_own(tmp_path):
    script = tmp_path / "routes.py"
    script.write_text(blocks("python")[0])
    module = runpy.run_path(str(script))
    assert module["EchoRouter"].settings.heartbeat_delay == 20
    for path, answer in (("/", b"hello"), ("/echo", b"Welcome to SockJS!\n")):
        client = Connection(module["app"].resource(), Clock()).request("GET", path)
        assert client.body == answer


def test_a_websocket_handler_and_its_timer(tmp_path):
    script = tmp_path / "ticker.py"
    script.write_text(blocks("python")[1])
    handler = runpy.run_path(str(script))["Ticker"]
    lab = Lab(handler)
    handler.open.__globals__["PeriodicCallback"] = lambda callback, milliseconds: PeriodicCallback(
        callback, milliseconds, lab.clock
    )
    lab.xhr("/000/abc/xhr?name=ann")
    lab.pass_time(3)
    answer = lab.xhr().body
    assert answer == b'a[{"tick":"ann"},{"tick":"ann"}]\n'
    lab.settle()
