"""Build the distribution, install its wheel in a clean environment and use it from there.

An editable install hides a module or a data file that setup.py forgot; this does not.
"""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

IMPORT_EVERY_MODULE = """
import importlib, os, pkgutil, sys
import txsockjs, twisted.plugins.txsockjs_plugin as plugin
assert os.path.abspath(sys.argv[1]) not in os.path.abspath(txsockjs.__file__), txsockjs.__file__
names = [module.name for module in pkgutil.walk_packages(txsockjs.__path__, "txsockjs.")]
for name in names:
    importlib.import_module(name)
print(len(names), "modules import")
"""

FIND_THE_ENDPOINT = r"""
from twisted.internet import endpoints, reactor
print(endpoints.serverFromString(reactor, r"sockjs:tcp\:0:prefix=/chat:heartbeat_delay=20"))
"""


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, **options)


def expected():
    """Name every file that a user's installation needs, by walking the sources."""
    files = [path for path in (ROOT / "txsockjs").rglob("*") if path.is_file()]
    wanted = {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}
    return wanted | {"twisted/plugins/txsockjs_plugin.py"}


def main():
    with tempfile.TemporaryDirectory() as scratch:
        away = Path(scratch)
        # The wheel is built from the source distribution, so that one is proven as well.
        run(sys.executable, "-m", "build", "--quiet", "--outdir", away / "dist", ROOT)
        (wheel,) = (away / "dist").glob("*.whl")

        inside = set(zipfile.ZipFile(wheel).namelist())
        if not expected() <= inside:
            sys.exit("the wheel lacks " + ", ".join(sorted(expected() - inside)))
        if "twisted/__init__.py" in inside or "twisted/plugins/__init__.py" in inside:
            sys.exit("the wheel would overwrite Twisted's own packages")

        venv.create(away / "venv", with_pip=True)
        binaries = away / "venv" / "bin"
        run(binaries / "pip", "install", "--quiet", wheel)
        # Neither this folder nor its PYTHONPATH may help.
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        run(binaries / "python", "-c", IMPORT_EVERY_MODULE, ROOT, cwd=away, env=clean)
        run(binaries / "python", "-c", FIND_THE_ENDPOINT, cwd=away, env=clean)
        for command, wanted in (
            (["twistd", "--help"], "sockjs"),
            (["twistd", "sockjs", "--help"], "--listen"),
        ):
            said = run(
                binaries / command[0],
                *command[1:],
                cwd=away,
                env=clean,
                stdout=subprocess.PIPE,
                text=True,
            ).stdout
            if wanted not in said:
                sys.exit(f"{' '.join(command)} does not mention {wanted}:\n{said}")
            print(" ".join(command), "works")


if __name__ == "__main__":
    main()
