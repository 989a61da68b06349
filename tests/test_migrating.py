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
from txsockjs import SockJSConnection, SockJSRouter
from txsockjs.errors import SettingsError
from txsockjs.migrate import PeriodicCallback
from txsockjs.settings import Settings
from txsockjs.stats import StatsCollector

from .memory import Connection, Lab
from .raw import get
from .running import ROOT, running

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
TORNADO = {
    *("conn", "router", "session", "migrate", "proto", "periodic", "sessioncontainer", "stats"),
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
    """The rows of the tables under a heading: the old name, the kind and the note."""
    text = GUIDE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = [line.strip("|").split("|", 2) for line in text.splitlines() if line.startswith("| `")]
    return [(old.strip(" `"), kind.strip(), note.strip()) for old, kind, note in found]


def first(value):
    """Name a case by its row's first cell alone."""
    return value if re.fullmatch(r"[\w.]{6,}", value) else ""


NAMES = read_reference()
TABLE = rows("Name by name")
SAME = [row for row in TABLE if row[1] == "same"]
GONE = [row for row in TABLE if row[1] == "gone"]
RENAMED = [row for row in TABLE if row not in SAME and row not in GONE]

# What instances have and their classes do not.
INSTANCES = {SockJSRouter: SockJSRouter(SockJSConnection, reactor=Clock())}


def resolve(name):
    """Find an object by its name inside of the package, or raise `LookupError`."""
    parts = name.split(".")
    found = txsockjs.tornado if parts[0] in TORNADO else txsockjs
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


def test_every_public_name_stands_in_the_table_once():
    assert sorted(old for old, _, _ in TABLE) == sorted(NAMES)


@pytest.mark.parametrize(("name", "kind", "note"), SAME, ids=first)
def test_the_same_names_take_the_same_arguments(name, kind, note):
    found = resolve(name)
    if NAMES[name] is None:
        assert not inspect.isfunction(found)
        return
    renamed = dict(re.findall(r"`(\w+)` is `(\w+)`", note))
    ours = arguments(name)
    for place, theirs in enumerate(NAMES[name].parameters.values()):
        assert ours[place].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert ours[place].name == renamed.pop(theirs.name, theirs.name)
        if theirs.default is not theirs.empty:
            assert ours[place].default == (None if theirs.default == {} else theirs.default)
    assert renamed == {}
    for more in ours[len(NAMES[name].parameters) :]:
        assert more.default is not more.empty or more.kind is more.VAR_KEYWORD


@pytest.mark.parametrize(("name", "kind", "note"), RENAMED, ids=first)
def test_a_renamed_name_is_found_under_its_new_one_only(name, kind, note):
    assert re.fullmatch(r"`[\w.]+`", kind)
    new = kind.strip("`")
    assert new != name
    assert resolve(new) is not None
    if not new.startswith("conn.ConnectionInfo"):  # which the session's module imports
        with pytest.raises(LookupError):
            resolve(name)


@pytest.mark.parametrize(("name", "kind", "note"), GONE, ids=first)
def test_a_name_that_is_gone_is_not_there_and_the_table_says_why(name, kind, note):
    assert note
    with pytest.raises(LookupError):
        resolve(name)


def test_whatever_else_the_guide_names_in_the_package_exists():
    mentioned = set(re.findall(r"`txsockjs\.([\w.]+)`", GUIDE))
    mentioned |= set(re.findall(r"from txsockjs import (\w+)", GUIDE))
    assert len(mentioned) > 20
    for name in mentioned:
        assert resolve(name) is not None
    for name in ("ping", "on_pong", "check_origin", "set_nodelay", "select_subprotocol"):
        with pytest.raises(LookupError):
            resolve(f"migrate.WebsocketHandler.{name}")


@pytest.mark.parametrize(("name", "kind", "note"), rows("Settings"), ids=first)
def test_settings_are_what_the_guide_says(name, kind, note):
    if kind == "same":
        defaults = re.findall(r"`(\w+)` there, `(\w+)` here", note)
        assert [str(getattr(Settings(), name))] == [here for _, here in defaults] or not defaults
    else:
        with pytest.raises(SettingsError, match=f"it is {kind.strip('`')}"):
            Settings.merged({name: "*"}, {})
        assert hasattr(Settings(), kind.strip("`"))


@pytest.mark.parametrize("name", ["user_settings", "io_loop"])
def test_arguments_by_their_old_names_are_refused_with_the_new_ones(name):
    with pytest.raises(SettingsError, match=r"now$"):
        SockJSRouter(SockJSConnection, "/a", **{name: None})


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
    assert answer == b'a["{\\"tick\\":\\"ann\\"}","{\\"tick\\":\\"ann\\"}"]\n'
    lab.settle()
