"""Build the distribution into ``dist``, install its wheel in a clean environment and use it there.

An editable install hides a module or a data file that setup.py forgot; this does not. The source
distribution must hold what the repository does, and its documentation must build; ``.ci/run`` runs
its tests.
"""

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
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
extras = {"txsockjs.admin.exposition": "prometheus_client"}  # what may be missing here
for name in names:
    try:
        importlib.import_module(name)
        assert name not in extras, f"{name} does without its extra"
    except ModuleNotFoundError as error:
        if error.name != extras.get(name):
            raise
print(len(names), "modules import, but for those of extras:", *extras)
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


def check_source(archive, away):
    """Compare the source distribution with the repository, and build its documentation."""
    with tarfile.open(archive) as packed:
        packed.extractall(away)
    source = away / archive.name[: -len(".tar.gz")]
    if (ROOT / ".git").exists():
        tracked = run("git", "ls-files", cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
        lacking = [name for name in tracked.splitlines() if not (source / name).exists()]
        if lacking:
            sys.exit("the source distribution lacks " + ", ".join(lacking))
    sphinx = (sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "docs", away / "html")
    run(*sphinx, cwd=source)
    print("the source distribution is whole, and its documentation builds")


def check_description(metadata):
    """Look for links that lead nowhere on a package index."""
    description = email.message_from_string(metadata).get_payload()
    wrong = re.findall(r"\]\((?![a-z]+://|#)[^)]*\)", description)
    if wrong or "# txsockjs\n" not in description:
        sys.exit("the description has links to files: " + " ".join(wrong))


def main():
    with tempfile.TemporaryDirectory() as scratch:
        away = Path(scratch)
        shutil.rmtree(ROOT / "dist", ignore_errors=True)
        # The wheel is built from the source distribution, so that one is proven as well.
        run(sys.executable, "-m", "build", "--quiet", "--outdir", ROOT / "dist", ROOT)
        (wheel,) = (ROOT / "dist").glob("*.whl")
        (archive,) = (ROOT / "dist").glob("*.tar.gz")
        check_source(archive, away)

        inside = set(zipfile.ZipFile(wheel).namelist())
        (metadata,) = (name for name in inside if name.endswith(".dist-info/METADATA"))
        check_description(zipfile.ZipFile(wheel).read(metadata).decode())
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
    print("built", wheel.relative_to(ROOT), "and", archive.relative_to(ROOT))


if __name__ == "__main__":
    main()
