"""No object of the package is written to by another one: each has one owner of its attributes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .support.package import modules, tree

# Objects of Twisted, Autobahn and the standard library that ask for it, by what is written.
OF_OTHERS = {
    *("clock", "starttime", "interval"),  # of a LoopingCall
    *("noisy", "protocols", "factory"),  # of a factory, and of the protocol that it makes
    *("cachedConnectionTimeout", "retryAutomatically"),  # of a connection pool
    *("displayTracebacks", "timeOut"),  # of a Site
    *("args", "received_cookies", "uri", "postpath"),  # of a Request
    *("persistent", "callLater"),  # of an HTTPChannel
    *("dataReceived", "rawDataReceived", "connectionLost"),  # of one that is taken over
    *("protocol", "wrappedProtocol"),  # of a transport
    "seconds",  # of a reactor
    *("stdout", "stderr"),  # of sys
}
# Fed for each message, where a call would be felt: an addition, as the module says.
COUNTERS = {"accumulator"}


def own_attributes(module: ast.Module) -> set[str]:
    """What the classes of a module have: only they write it, on whatever name."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and is_self(node.value) and is_written(node):
            found.add(node.attr)
        elif isinstance(node, ast.ClassDef) and not is_interface(node):
            for each in node.body:
                targets = [each.target] if isinstance(each, ast.AnnAssign) else []
                targets += each.targets if isinstance(each, ast.Assign) else []
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def is_interface(node: ast.ClassDef) -> bool:
    """Whether a class says what others have: it owns nothing itself."""
    return any(ast.unparse(base) == "Protocol" for base in node.bases)


def is_written(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, (ast.Store, ast.Del))


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def written(module: ast.Module) -> Iterator[ast.Attribute]:
    for node in ast.walk(module):
        if isinstance(node, (ast.Assign, ast.Delete)):
            targets = node.targets
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        else:
            continue
        for target in targets:
            for each in ast.walk(target):
                if isinstance(each, ast.Attribute) and is_written(each):
                    yield each


def test_no_object_is_written_to_by_another_one() -> None:
    for path in modules().values():
        own = own_attributes(tree(path))
        for attribute in written(tree(path)):
            if is_self(attribute.value) or attribute.attr in own | OF_OTHERS | COUNTERS:
                continue
            # The doubles for tests tell their callbacks to their transport, as its users do.
            assert path.parent.name == "testing", f"{path}: {ast.unparse(attribute)}"


def test_a_writer_that_is_no_owner_is_found() -> None:
    module = ast.parse(
        "class A:\n x: int\n def f(self, a, b):\n  a.x = b.ready = self.y = 1\n  del b.z\n"
        "class B(Protocol):\n z: int"
    )
    own = own_attributes(module)
    found = [ast.unparse(each) for each in written(module) if each.attr not in own]
    assert found == ["b.ready", "b.z"]
