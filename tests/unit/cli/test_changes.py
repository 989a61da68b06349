"""What tells ``--reload`` that the files of an application have changed."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterator
from threading import Event
from typing import Any, Callable

import pytest
from twisted.logger import capturedLogs, formatEvent

from txsockjs.cli.changes import Changes, folder_of


class Waits:
    """Does something while a thread waits, a step each time; then the end comes."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps = list(steps)

    def wait(self, seconds: float) -> bool:
        if not self.steps:
            return True
        self.steps.pop(0)()
        return False

    def is_set(self) -> bool:
        return False


class Threads:
    """A reactor whose threads run at once, in this one."""

    def callInThread(self, call: Callable[..., object], *arguments: Any) -> None:
        call(*arguments)

    callFromThread = callInThread


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    for name in ("app.py", "deep/module.py", ".git/hook.py", "node_modules/m.py", "page.html"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    return tmp_path


def edit(path: pathlib.Path) -> Callable[[], None]:
    """A change that any clock tells from the time before."""

    def change() -> None:
        path.write_text("changed")
        os.utime(path, (1, 1) if path.stat().st_mtime != 1 else (2, 2))

    return change


def polled(changes: Changes, *steps: Callable[[], object]) -> list[set[str]]:
    waits: Any = Waits(*steps)
    changes._stop = waits
    return [
        {os.path.relpath(path, min(changes.folders)) for path in each}
        for each in changes.by_polling(1.0)
    ]


def test_modules_that_change_come_and_go_are_told(folder: pathlib.Path) -> None:
    changes = Changes(None, [str(folder)], [], print)
    new = folder / "new.py"
    found = polled(
        changes,
        edit(folder / "deep" / "module.py"),
        lambda: None,
        lambda: new.write_text(""),
        new.unlink,
    )
    assert found == [{"deep/module.py"}, {"new.py"}, {"new.py"}]


def test_other_files_are_none_of_an_application(folder: pathlib.Path) -> None:
    changes = Changes(None, [str(folder)], [], print)
    names = (".git/hook.py", "node_modules/m.py", "page.html")
    assert polled(changes, *(edit(folder / name) for name in names)) == []
    assert not any(changes.matters(str(folder / name)) for name in names)
    assert changes.matters(str(folder / "deep" / "module.py"))
    assert not changes.matters(str(folder) + "2/app.py")


def test_a_file_that_is_named_is_told_wherever_it_is(folder: pathlib.Path) -> None:
    file = folder / "sockjs.toml"
    changes = Changes(None, [str(folder / "deep")], [str(file)], print)
    assert changes.matters(str(file))
    found = polled(changes, lambda: file.write_text(""))
    assert found == [{"../sockjs.toml"}]


@pytest.mark.parametrize("broken", [False, True])
def test_without_watchfiles_or_its_means_files_are_polled(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    class OutOfMeans:
        @staticmethod
        def watch(*_: Any, **__: Any) -> Iterator[Any]:
            raise OSError("OS file watch limit reached")
            yield

    monkeypatch.setitem(sys.modules, "watchfiles", OutOfMeans if broken else None)
    told: list[set[str]] = []
    changes = Changes(Threads(), [str(folder)], [], told.append)
    waits: Any = Waits(edit(folder / "app.py"))
    changes._stop = waits
    with capturedLogs() as logged:
        changes.start()
    assert told == [{str(folder / "app.py")}]
    words = [formatEvent(event) for event in logged]
    assert words[0] == f"looking for changes in {folder}"
    assert ("files are looked at one by one, as OS file watch limit reached" in words) is broken


@pytest.mark.parametrize("deep", [True, False])
def test_watchfiles_tells_of_modules_and_of_the_file(folder: pathlib.Path, deep: bool) -> None:
    watchfiles = pytest.importorskip("watchfiles")
    (folder / "etc").mkdir()
    file = folder / "etc" / "sockjs.toml"
    file.write_text("")
    changed = folder / "app.py" if deep else file
    changes = Changes(None, [str(folder)], [str(file)], print)
    changes._stop = stop = Event()

    def watch(*arguments: Any, **options: Any) -> Iterator[Any]:
        # The changes are made once it looks, however long that takes to begin.
        options = {**options, "yield_on_timeout": True, "rust_timeout": 50, "debounce": 50}
        for found in watchfiles.watch(*arguments, **options):
            edit(changed)()
            yield found

    module: Any = type(sys)("watchfiles")
    module.watch = watch
    found: set[str] = set()
    for paths in changes._by_watchfiles(module, str(folder if deep else file.parent), deep):
        found |= paths
        if found:
            stop.set()
    assert found == {str(changed)}


def test_nothing_is_told_after_the_stop(folder: pathlib.Path) -> None:
    told: list[set[str]] = []
    changes = Changes(Threads(), [str(folder)], [], told.append)
    changes.stop()
    changes._look(iter([{"late"}]))
    assert told == []


def test_a_package_is_looked_at_where_it_stands(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in (
        "module_to_look_at.py",
        "package_to_look_at/__init__.py",
        "package_to_look_at/inner.py",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    import module_to_look_at  # type: ignore[import-not-found]  # noqa: F401, PLC0415
    import package_to_look_at.inner  # type: ignore[import-not-found]  # noqa: F401, PLC0415

    assert folder_of("module_to_look_at") == str(tmp_path)
    assert folder_of("package_to_look_at.inner") == str(tmp_path)
    assert folder_of("twisted.web").endswith("site-packages/twisted")
