"""`Changes`: tells when the files of an application change, for ``--reload``.

Rules: a thread of the reactor's pool watches the files, with watchfiles where it is installed;
changes are reported in the reactor's thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from threading import Event
from types import ModuleType
from typing import Any, Callable

from twisted.logger import Logger

_log = Logger()

# The seconds between two checks of the files, without watchfiles.
INTERVAL = 0.5
# Folders that nobody edits. Those whose names begin with a dot are left out, too.
_IGNORED = ("__pycache__", "node_modules", "site-packages", "venv")


class Changes:
    """Calls ``changed`` with changed files: Python files below ``folders``, and ``files``."""

    def __init__(
        self,
        reactor: Any,
        folders: Iterable[str],
        files: Iterable[str],
        changed: Callable[[set[str]], object],
    ) -> None:
        self.folders = {os.path.realpath(folder) for folder in folders}
        self.files = {os.path.realpath(file) for file in files}
        self._reactor = reactor
        self._changed = changed
        self._stop = Event()

    def start(self) -> None:
        """Start watching."""
        _log.info("looking for changes in {what}", what=", ".join(sorted(self._what())))
        try:
            import watchfiles  # noqa: PLC0415  # an extra
        except ImportError:
            self._look(self.by_polling(INTERVAL))
            return
        for folder in self.folders:
            self._look(self._by_watchfiles(watchfiles, folder, True))
        for folder in {os.path.dirname(file) for file in self.files}:
            self._look(self._by_watchfiles(watchfiles, folder, False))

    def stop(self) -> None:
        """Stop watching; the threads end soon."""
        self._stop.set()

    def _what(self) -> set[str]:
        return self.folders | {each for each in self.files if not self._is_below(each)}

    def _is_below(self, path: str) -> bool:
        return any(path.startswith(os.path.join(folder, "")) for folder in self.folders)

    def matters(self, path: str) -> bool:
        """Return whether a file belongs to the application."""
        if path in self.files:
            return True
        for folder in self.folders:
            start = os.path.join(folder, "")
            if path.endswith(".py") and path.startswith(start):
                return not any(_is_ignored(part) for part in path[len(start) :].split(os.sep))
        return False

    def _look(self, changes: Iterator[set[str]]) -> None:
        self._reactor.callInThread(self._look_in_thread, changes)

    def _look_in_thread(self, changes: Iterator[set[str]]) -> None:
        try:
            for paths in changes:
                self._reactor.callFromThread(self._tell, paths)
        except OSError as error:  # systems have limits, such as the number of inotify watches
            _log.warn("files are looked at one by one, as {error}", error=error)
            self._look_in_thread(self.by_polling(INTERVAL))

    def _tell(self, paths: set[str]) -> None:
        if not self._stop.is_set():
            self._changed(paths)

    def _by_watchfiles(self, watchfiles: ModuleType, folder: str, deep: bool) -> Iterator[set[str]]:
        found: Iterator[set[tuple[object, str]]] = watchfiles.watch(
            folder,
            watch_filter=lambda _, path: path in self.files if not deep else self.matters(path),
            stop_event=self._stop,
            raise_interrupt=False,
            recursive=deep,
        )
        return ({path for _, path in changes} for changes in found)

    def by_polling(self, interval: float) -> Iterator[set[str]]:
        """Yield the changed files, after checking each file every ``interval`` seconds."""
        before = self._times()
        while not self._stop.wait(interval):
            after = self._times()
            changed = dict(before.items() ^ after.items())
            before = after
            if changed:
                yield set(changed)

    def _times(self) -> dict[str, int]:
        """Return when each file was last changed, in nanoseconds."""
        found = {}
        for path in {*self.files, *self._modules()}:
            try:
                found[path] = os.stat(path).st_mtime_ns
            except OSError:
                continue  # gone, or never there
        return found

    def _modules(self) -> Iterator[str]:
        for folder in self.folders:
            for here, below, names in os.walk(folder):
                below[:] = [name for name in below if not _is_ignored(name)]
                yield from (os.path.join(here, name) for name in names if name.endswith(".py"))


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name in _IGNORED


def folder_of(module: str) -> str:
    """Return the folder that contains a module's package, or the module."""
    top = sys.modules[module.partition(".")[0]]
    paths = getattr(top, "__path__", None)
    if paths:
        package: str = os.path.abspath(next(iter(paths)))
        folder = os.path.dirname(package)
        installed = os.path.basename(folder) in ("site-packages", "dist-packages")
        return package if installed else folder  # don't watch all installed packages
    return os.path.dirname(os.path.abspath(getattr(top, "__file__", None) or "."))
