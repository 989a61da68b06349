"""What ``twistd sockjs`` makes of a command line, and how it ends if it can't."""

import pytest

from txsockjs.actors.connection import SockJSConnection
from txsockjs.cli.options import Options
from txsockjs.cli.process import makeService
from txsockjs.settings import Settings


class App(SockJSConnection):
    """Something to mount."""


def command(*arguments):
    """Make the service of a command line."""
    options = Options()
    options.parseOptions(list(arguments))
    return makeService(options)


def test_a_command_line_becomes_routers():
    service = command(
        *("--mount", f"/a={__name__}.App", "--mount", f"/b/c={__name__}.App"),
        *("--heartbeat-delay", "7", "--listen", "tcp:0"),
    )
    assert [router.prefix for router in service.routers] == ["/a", "/b/c"]
    for router in service.routers:
        assert router.get_connection_class() is App
        assert router.settings == Settings(heartbeat_delay=7)


def test_a_command_line_without_mounts_becomes_the_demo():
    service = command("--heartbeat-delay", "7")
    assert [router.prefix for router in service.routers] == ["/chat", "/echo", "/stats"]
    assert {router.settings.heartbeat_delay for router in service.routers} == {7.0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listen", "tpc:1"], "sockjs: cannot listen on 'tpc:1': Unknown endpoint type: 'tpc'"),
        (
            ["--app", f"{__name__}.App", "--prefix", "/a", "--static", "/no/such"],
            "sockjs: static must be a directory, not '/no/such'",
        ),
        (
            ["--mount", f"/a={__name__}.App", "--mount", f"/a={__name__}.App"],
            "sockjs: a prefix can be mounted once, /a is there twice",
        ),
    ],
)
def test_what_can_not_be_served_ends_the_command_with_one_line(arguments, words):
    with pytest.raises(SystemExit) as caught:
        command(*arguments)
    assert caught.value.code == words
